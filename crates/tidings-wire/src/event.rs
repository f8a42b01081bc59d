//! What travels on a stream: each event's name and the shape of its data.
//!
//! | event | data | meaning |
//! |---|---|---|
//! | `hello` | [`Hello`] | the stream is open |
//! | *(default)* | [`Message`] | a message, or a State topic's new value |
//! | `snapshot` | [`Snapshot`] | what a topic holds, where continuity begins or begins again |
//! | `deleted` | [`Deleted`] | a State topic lost its value |
//! | `gap` | [`Gap`] | continuity on a topic cannot be shown, or messages are lost |
//! | `rewound` | `{}` | the node knows less than the reader's cursor: what follows may be older |
//! | `complete` | [`Complete`] | a pattern's snapshots are through: a key that was not among them is gone |
//! | `joining` | [`Joining`] | what follows belongs to this call, too |
//! | `joined` | [`Joined`] | how the topics of one call fared |
//! | `present` | [`Present`] | everybody who is on a topic: what a page that watches it begins with, and begins again |
//! | `presence` | [`PresenceDiff`] | who has come, gone or changed there since |
//! | `beat` | `{}` | the stream lives and has read all up to its `id:`; a page's watchdog waits for it |
//! | `bye` | [`Bye`] | the node closes the stream; come back, to any node |
//!
//! Messages, `deleted`, `joined` and `beat` carry the cursor as `id:`. What prepares a topic (`gap`, `snapshot`,
//! `rewound`, `complete`) carries none: a cut in between resumes from before it.
//!
//! `present` and `presence` are outside of the cursor: a stream that is opened again begins with the list.
//!
//! A stream holds topics by name, and by [`Pattern`]: a plain name is the pattern of itself alone, and has the same
//! JSON. A pattern's snapshot is one unit: `snapshot` for each State topic of it that has a value, then `complete`. It
//! comes where the pattern begins without a cursor, and after a `gap` that names the pattern itself and is not of the
//! cause `limit`. Where a pattern resumes after its cursor there is no such unit: what went since is `deleted`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Pattern, PresenceEntry, TopicName, Version};

/// The stream is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The server's [`WIRE_VERSION`](crate::WIRE_VERSION).
    pub wire: u16,
    /// The server's build: a page of another build offers to reload.
    pub build: String,
    /// The node that serves the stream.
    pub node: String,
    /// The page id, bound to the principal; absent on plain streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The node's clock, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub now_ms: u64,
    /// An idle stream beats at least this often, in milliseconds.
    pub beat_ms: u32,
}

/// One message, as every stream of the node carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// On which topic.
    pub topic: TopicName,
    /// When and by whom it was published; orders the values of a State topic.
    pub version: Version,
    /// Its number among all that its origin publishes; 0 for a message that stays on this node.
    pub stamp: u64,
    /// Its place in the node's log.
    pub index: u64,
    /// The sender id given to `broadcast_from`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Box<str>>,
    /// The publish id, where one was given: the writer knows its own echo by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
    /// The payload.
    pub data: Box<RawValue>,
}

/// What a State topic holds now.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which topic.
    pub topic: TopicName,
    /// The value and its version; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<SnapshotValue>,
}

/// A retained value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SnapshotValue {
    /// Which value it is.
    pub version: Version,
    /// The payload.
    pub data: Box<RawValue>,
}

/// A State topic lost its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deleted {
    /// Which topic.
    pub topic: TopicName,
    /// When and by whom.
    pub version: Version,
    /// As in [`Message`].
    pub stamp: u64,
    /// As in [`Message`].
    pub index: u64,
    /// The publish id, where one was given: the writer's own echo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Box<str>>,
}

/// Continuity on a topic, or on all of a pattern, cannot be shown, or messages are lost. What is retained follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which topic, or pattern.
    pub topic: Pattern,
    /// Why.
    pub cause: GapCause,
}

/// Why a reader was told of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GapCause {
    /// The reader was slower than the topic's history is long.
    Slow,
    /// Messages after the reader's cursor are no longer kept.
    Evicted,
    /// The cursor is older than an hour.
    CursorTooOld,
    /// The cursor could not be read.
    CursorMalformed,
    /// The cursor knows of messages that this node never had; it was lowered.
    Rewound,
    /// A node died: what it published last may have reached nobody.
    NodeDied,
    /// Messages of another node are gone: they were not kept until this node could get them.
    Lost,
    /// A node did not say in time that it sends what is published on this topic: what it publishes may be missing.
    NodeSilent,
    /// A pattern has found more topics than its reader may hold: those that it left out are not heard, until it is
    /// joined again and they have room.
    Limit,
    /// A cause that this build does not know.
    #[serde(other)]
    Other,
}

impl GapCause {
    /// Its name in text, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Evicted => "evicted",
            Self::CursorTooOld => "cursor-too-old",
            Self::CursorMalformed => "cursor-malformed",
            Self::Rewound => "rewound",
            Self::NodeDied => "node-died",
            Self::Lost => "lost",
            Self::NodeSilent => "node-silent",
            Self::Limit => "limit",
            Self::Other => "other",
        }
    }
}

/// The snapshots of a pattern are through.
///
/// They are what the pattern holds: a key that a client has of it, and that was not among them, is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complete {
    /// Which pattern.
    pub pattern: Pattern,
}

/// The server has begun with a call: what came before on its topics was of earlier calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// Number of the call.
    pub call: u64,
}

/// How the topics of one call fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Number of the call.
    pub call: u64,
    /// Topics and patterns that are live from here on.
    pub live: Vec<Pattern>,
    /// Topics and patterns that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// What was refused of presence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<PresenceRefused>,
}

impl Joined {
    /// The result of a call of which nothing is known yet.
    #[must_use]
    pub fn of(call: u64) -> Self {
        Self { call, live: Vec::new(), refused: Vec::new(), absent: Vec::new() }
    }
}

/// Somebody was not tracked, or a topic's list is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceRefused {
    /// Where.
    pub topic: TopicName,
    /// Who; absent where it is the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// Why.
    pub reason: RefusedReason,
    /// For people: names the fault and what to do.
    pub message: String,
}

/// Everybody who is present on a topic, by key and id. It replaces what was told before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Present {
    /// Which topic.
    pub topic: TopicName,
    /// Who is there.
    pub entries: Vec<PresenceEntry>,
}

/// What has changed of a topic's list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PresenceDiff {
    /// Which topic.
    pub topic: TopicName,
    /// Who has come, or is different now: takes the place of what had its key and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<PresenceEntry>,
    /// Who has gone: key and id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<(Box<str>, Box<str>)>,
}

/// A topic or pattern that was not added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which one.
    pub topic: Pattern,
    /// Why.
    pub reason: RefusedReason,
}

/// Why a topic was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RefusedReason {
    /// The reader may not read it, or there is no such topic: which of the two is not told.
    Forbidden,
    /// A limit is reached: topics of the page, topics of the node, readers, entries of presence.
    Limit,
    /// What was said does not fit the topic: a presence's meta.
    Invalid,
    /// A reason that this build does not know.
    #[serde(other)]
    Other,
}

/// The node closes the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// Come back after this time: the node spreads its readers, so that they do not come at once.
    pub retry_ms: u32,
}

/// An event as it was received, read by name.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// See [`Hello`].
    Hello(Hello),
    /// See [`Message`].
    Message(Message),
    /// See [`Snapshot`].
    Snapshot(Snapshot),
    /// See [`Deleted`].
    Deleted(Deleted),
    /// See [`Gap`].
    Gap(Gap),
    /// The node knows less than the reader's cursor.
    Rewound,
    /// See [`Complete`].
    Complete(Complete),
    /// See [`Joining`].
    Joining(Joining),
    /// See [`Joined`].
    Joined(Joined),
    /// See [`Present`].
    Present(Present),
    /// See [`PresenceDiff`].
    Presence(PresenceDiff),
    /// The stream lives.
    Beat,
    /// See [`Bye`].
    Bye(Bye),
    /// An event of a later build: stepped over.
    Unknown,
}

impl Event {
    /// Reads an event by its name.
    ///
    /// # Errors
    /// When the data of a known event has another shape; the event is then to be ignored and logged.
    pub fn read(name: &str, data: &str) -> Result<Self, serde_json::Error> {
        Ok(match name {
            "" | "message" => Self::Message(serde_json::from_str(data)?),
            name::HELLO => Self::Hello(serde_json::from_str(data)?),
            name::SNAPSHOT => Self::Snapshot(serde_json::from_str(data)?),
            name::DELETED => Self::Deleted(serde_json::from_str(data)?),
            name::GAP => Self::Gap(serde_json::from_str(data)?),
            name::REWOUND => Self::Rewound,
            name::COMPLETE => Self::Complete(serde_json::from_str(data)?),
            name::JOINING => Self::Joining(serde_json::from_str(data)?),
            name::JOINED => Self::Joined(serde_json::from_str(data)?),
            name::PRESENT => Self::Present(serde_json::from_str(data)?),
            name::PRESENCE => Self::Presence(serde_json::from_str(data)?),
            name::BEAT => Self::Beat,
            name::BYE => Self::Bye(serde_json::from_str(data)?),
            _ => Self::Unknown,
        })
    }
}

/// Names of events, as in `event:`.
pub mod name {
    /// See [`Hello`](super::Hello).
    pub const HELLO: &str = "hello";
    /// See [`Snapshot`](super::Snapshot).
    pub const SNAPSHOT: &str = "snapshot";
    /// See [`Deleted`](super::Deleted).
    pub const DELETED: &str = "deleted";
    /// See [`Gap`](super::Gap).
    pub const GAP: &str = "gap";
    /// The cursor was lowered.
    pub const REWOUND: &str = "rewound";
    /// See [`Complete`](super::Complete).
    pub const COMPLETE: &str = "complete";
    /// See [`Joining`](super::Joining).
    pub const JOINING: &str = "joining";
    /// See [`Joined`](super::Joined).
    pub const JOINED: &str = "joined";
    /// See [`Present`](super::Present).
    pub const PRESENT: &str = "present";
    /// See [`PresenceDiff`](super::PresenceDiff).
    pub const PRESENCE: &str = "presence";
    /// The stream lives.
    pub const BEAT: &str = "beat";
    /// See [`Bye`](super::Bye).
    pub const BYE: &str = "bye";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_as_it_was_written() {
        let text = r#"{"topic":"demo/messages","version":"0000000000010000-00000000000a","stamp":3,"index":9,"data":{"text":"hi"}}"#;
        let Ok(Event::Message(message)) = Event::read("", text) else { panic!("a message") };
        assert_eq!(message.data.get(), r#"{"text":"hi"}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn a_pattern_is_written_as_its_text() {
        let text = r#"{"pattern":"board/7/**"}"#;
        let Ok(Event::Complete(complete)) = Event::read("complete", text) else { panic!("complete") };
        assert_eq!(serde_json::to_string(&complete).unwrap(), text);
        let gap: Gap = serde_json::from_str(r#"{"topic":"board/*","cause":"limit"}"#).unwrap();
        assert_eq!((gap.topic.as_str(), gap.cause), ("board/*", GapCause::Limit));
    }

    #[test]
    fn who_is_present_reads_as_it_was_written() {
        let text = r#"{"topic":"chat/lobby","joins":[{"key":"ann","id":"k3","meta":{"typing":true},"fading":true}],"leaves":[["bob","q1"]]}"#;
        let Ok(Event::Presence(diff)) = Event::read("presence", text) else { panic!("a diff") };
        assert_eq!(diff.joins[0].place(), ("ann", "k3"));
        assert!(diff.joins[0].fading && !diff.joins[0].mine);
        assert_eq!(serde_json::to_string(&diff).unwrap(), text);
        let Ok(Event::Present(list)) = Event::read("present", r#"{"topic":"chat/lobby","entries":[]}"#) else {
            panic!("a list")
        };
        assert!(list.entries.is_empty());
    }

    #[test]
    fn what_a_later_build_says_is_stepped_over() {
        assert!(matches!(Event::read("tide", "{}"), Ok(Event::Unknown)));
        let gap: Gap = serde_json::from_str(r#"{"topic":"a","cause":"a-new-one"}"#).unwrap();
        assert_eq!(gap.cause, GapCause::Other);
        assert!(Event::read("gap", "no json").is_err());
    }
}
