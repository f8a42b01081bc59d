//! The requests of a page: opening its stream, and changing what it holds.
//!
//! All are POSTs with a JSON body under the library's prefix. [`Open`] is answered by the stream
//! itself; [`Change`] by `202`, and its results arrive on the stream as
//! [`Joined`](crate::event::Joined); [`Publish`] by [`Published`], or by a status and a [`Failure`].

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Pattern, Reference, TopicName, Version};

/// Most topics a page holds at once: a board of a thousand cards with four fields each. What is above is refused, the
/// rest is live.
pub const PAGE_TOPICS_MAX: usize = 4096;

/// Most topics of which a page sees who is present. What is above is refused, the rest is shown.
pub const PAGE_WATCHES_MAX: usize = 64;

/// The `call` of a [`Joined`](crate::event::Joined) that answers no call: what the reader may read has changed while the
/// stream was open. What it names as refused is no longer heard; what it names as live is heard from here on, or again.
/// A page's own calls count from 1.
pub const RIGHTS_CALL: u64 = 0;

/// Path of [`Open`] below the library's prefix.
pub const OPEN_PATH: &str = "/live";

/// Path of [`Change`] below the library's prefix.
pub const CHANGE_PATH: &str = "/change";

/// Path of [`Publish`] below the library's prefix.
pub const PUBLISH_PATH: &str = "/publish";

/// Most bytes of a publish id: room for 256 random bits in any usual text form. A node keeps ids, so they have a bound.
pub const PUBLISH_ID_BYTES_MAX: usize = 64;

/// The library's prefix, unless the app chose another.
pub const DEFAULT_PREFIX: &str = "/_tidings";

/// Opens a page's stream, for the first time or again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Open {
    /// The page's [`WIRE_VERSION`](crate::WIRE_VERSION).
    pub wire: u16,
    /// Number of this call; calls of a page count up over all its streams.
    pub call: u64,
    /// The page id of an earlier stream of this page, so that the server can end that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// All topics and patterns that the page holds.
    pub hold: Vec<Hold>,
    /// Who is present by this page, and whose presence it wants to see.
    #[serde(default, skip_serializing_if = "Presence::is_empty")]
    pub presence: Presence,
}

/// Changes what an open stream carries.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Change {
    /// From the stream's [`Hello`](crate::event::Hello).
    pub page: String,
    /// Number of this call. A topic keeps the newest call that named it, so calls may overtake each other.
    pub call: u64,
    /// Topics and patterns to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<Hold>,
    /// Topics and patterns to let go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release: Vec<Pattern>,
    /// What has changed of presence.
    #[serde(default, skip_serializing_if = "Presence::is_empty")]
    pub presence: Presence,
}

/// What a page asks of presence. As for topics, the newest call that named something counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Presence {
    /// The page's own, made up once: by it the page is the same on whatever node, and after it was reloaded. The first
    /// that a stream is told counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// Topics of which the page wants to be told who is present. In an [`Open`], all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<TopicName>,
    /// Topics of which it does not any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwatch: Vec<TopicName>,
    /// Who is present by this page, or says something else of itself. In an [`Open`], all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub track: Vec<Track>,
    /// Who is not any more: leaves at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untrack: Vec<Untrack>,
}

impl Presence {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watch.is_empty() && self.unwatch.is_empty() && self.track.is_empty() && self.untrack.is_empty()
    }
}

/// Somebody is present, and says this of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Track {
    /// Where.
    pub topic: TopicName,
    /// Who.
    pub key: Box<str>,
    /// What everybody who sees the list is told.
    pub meta: Box<RawValue>,
}

/// Somebody is not present any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Untrack {
    /// Where.
    pub topic: TopicName,
    /// Who.
    pub key: Box<str>,
}

/// One topic, or all of a pattern, that a page wants, and from where on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    /// Which one.
    pub topic: Pattern,
    /// The cursor after which the page wants messages: what it was painted with or received last.
    /// Text, because a page passes on what it was given; a malformed one leads to a gap and a
    /// snapshot, not to an error. Without it the topic begins with what is retained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Without a cursor: how many retained messages of an Events topic to begin with; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
}

/// Writes to a topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publish {
    /// Which one.
    pub topic: TopicName,
    /// Chosen by the writer, at random, and the same in each retry: it makes a retry harmless, and it comes back with
    /// the message. At most [`PUBLISH_ID_BYTES_MAX`] bytes.
    pub id: Box<str>,
    /// The highest version that the page has seen: what is published lies above it, so that a user's second edit
    /// never loses to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Version>,
    /// The payload, `null` included. Without one a State topic is cleared.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// A field that is there is a payload, whatever it holds: `null` clears nothing.
fn present<'de, D: Deserializer<'de>>(data: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(data).map(Some)
}

/// What came of a [`Publish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Its version: the writer's own echo, and every newer value, is at least this.
    pub version: Version,
    /// Its number among all that the version's origin publishes.
    pub stamp: u64,
}

/// A refused request: `{"error":{"code":…,"message":…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What is wrong.
    pub error: FailureError,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureError {
    /// For programs: does not change between versions.
    pub code: String,
    /// For people: names the fault and what to do.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_of_null_is_a_write_and_one_of_nothing_clears() {
        let read = |text: &str| serde_json::from_str::<Publish>(text).map(|publish| publish.data);
        let null = read(r#"{"topic":"a","id":"x","data":null}"#).unwrap();
        assert_eq!(null.as_ref().map(|data| data.get()), Some("null"));
        assert!(read(r#"{"topic":"a","id":"x"}"#).unwrap().is_none());
        let clear = Publish { topic: TopicName::new("a").unwrap(), id: "x".into(), seen: None, data: None };
        assert_eq!(serde_json::to_string(&clear).unwrap(), r#"{"topic":"a","id":"x"}"#);
    }
}
