//! One applied message: shared by its ring and by everyone who reads it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tidings_wire::{Pattern, TopicName, Version, event, sse};

use crate::Payload;

/// Bytes that a held message costs beside its texts: the entry, two reference counts, its place in the ring and in the
/// allocator's blocks.
pub(crate) const ENTRY_BYTES: usize = 320;

/// A message as the node applied it.
#[derive(Debug)]
pub struct Entry {
    /// On which topic.
    pub topic: TopicName,
    /// When and by whom it was published.
    pub version: Version,
    /// Its number among all that its origin publishes; 0 for one that stays on this node.
    pub stamp: u64,
    /// Its place in this node's log.
    pub index: u64,
    /// The sender id given to `broadcast_from`: that sender's readers skip it.
    pub from: Option<Box<str>>,
    /// The publish id, where one was given.
    pub id: Option<Box<str>>,
    /// The payload; `None` when a State topic was cleared.
    pub payload: Option<Payload>,
    /// Set on an entry that is no message: here, messages of its origin up to its stamp are missing.
    pub(crate) gap: Option<event::GapCause>,
    /// The node's cursor right after this entry, as text.
    pub cursor: Box<str>,
    /// The node's monotonic clock when it was applied, in milliseconds: a ring's age counts from here.
    pub(crate) applied_ms: u64,
    /// The event as every stream writes it, encoded by the first that needs it.
    pub(crate) frame: OnceLock<Bytes>,
}

/// [`event::Message`] with borrowed parts.
#[derive(Serialize)]
struct MessageFrame<'a> {
    topic: &'a TopicName,
    version: Version,
    stamp: u64,
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    data: &'a RawValue,
}

impl Entry {
    /// The message as a server-sent event, with the cursor as its `id:`. Encoded once, shared by all streams.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        self.frame.get_or_init(|| self.encode().into())
    }

    /// Whether it leaves this node, and so is in cursors.
    #[must_use]
    pub fn is_stamped(&self) -> bool {
        self.stamp > 0
    }

    /// Bytes of payload.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Payload::len)
    }

    /// Bytes that it counts in the node's budget. Not in it: the frame, which holds the payload once more as soon as a
    /// stream has written it.
    pub(crate) fn weight(&self) -> usize {
        weight(self.bytes(), self.from.as_deref(), self.id.as_deref(), self.cursor.len())
    }

    fn encode(&self) -> String {
        let (name, data) = match &self.payload {
            Some(payload) => ("", self.message(payload)),
            None => (event::name::DELETED, self.deleted()),
        };
        let mut text = String::with_capacity(data.len() + self.cursor.len() + 32);
        sse::write(&mut text, name, Some(&self.cursor), &data);
        text
    }

    fn message(&self, payload: &Payload) -> String {
        // A `Payload` is JSON by construction; should that ever break, the reader sees `null` and says so.
        let data = serde_json::from_str(payload.as_str()).unwrap_or(RawValue::NULL);
        json(&MessageFrame {
            topic: &self.topic,
            version: self.version,
            stamp: self.stamp,
            index: self.index,
            from: self.from.as_deref(),
            id: self.id.as_deref(),
            data,
        })
    }

    fn deleted(&self) -> String {
        let (topic, version, stamp, index) = (self.topic.clone(), self.version, self.stamp, self.index);
        json(&event::Deleted { topic, version, stamp, index, id: self.id.clone() })
    }
}

/// What a message with these texts counts in the node's budget.
pub(crate) fn weight(payload: usize, from: Option<&str>, id: Option<&str>, cursor: usize) -> usize {
    ENTRY_BYTES + payload + from.map_or(0, str::len) + id.map_or(0, str::len) + cursor
}

/// Our own event types are structs of text and numbers: they always have a JSON form.
pub(crate) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What a reader is handed, in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Delivery {
    /// A message, or a State topic's new value (or that it was cleared).
    Message(Arc<Entry>),
    /// What a State topic holds where continuity begins or begins again; `None` where it holds nothing.
    Snapshot {
        /// Which topic.
        topic: TopicName,
        /// Its newest value.
        entry: Option<Arc<Entry>>,
    },
    /// Continuity on a topic, or on all of a pattern, cannot be shown, or messages are lost. What is retained follows;
    /// of a pattern, as where it begins: snapshots and [`Complete`](Self::Complete), except where the cause is
    /// [`Limit`](event::GapCause::Limit).
    Gap {
        /// Which topic, or pattern.
        topic: Pattern,
        /// Why.
        cause: event::GapCause,
    },
    /// The snapshots of a pattern are through: one of each State topic that has a value. A key that was not among them
    /// is gone.
    Complete {
        /// Which pattern.
        pattern: Pattern,
    },
    /// The node knows less than the reader's cursor: gaps and snapshots follow, and values may be older.
    Rewound,
    /// The topics of one join are live: all at or below this cursor was handed over.
    Joined {
        /// What the caller gave to [`Reader::join`](crate::Reader::join).
        call: u64,
        /// The node's cursor at the join.
        cursor: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overhead_of_an_entry_covers_its_parts() {
        let counts = 2 * size_of::<usize>();
        // A ring's memory doubles as it grows: at worst a place is there twice.
        let parts = counts + size_of::<Entry>() + counts + 2 * size_of::<Arc<Entry>>();
        assert!(parts <= ENTRY_BYTES, "{parts} bytes");
        assert!(ENTRY_BYTES < parts + 128, "{parts} bytes: too much is counted");
    }
}
