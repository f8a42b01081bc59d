//! What is kept, as it is looked at.

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;
use tidings_wire::{Cursor, TopicKind, TopicName};

use crate::{entry::Entry, lock, topic::Topic};

/// What a topic held at one place of the log.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The newest entries, oldest first. Of a State topic at most one, and none where it was cleared.
    pub entries: Vec<Arc<Entry>>,
    /// Where the log was: a reader that starts after it misses nothing and gets nothing twice.
    pub cursor: Cursor,
}

/// A topic as [`Hub::topics`](crate::Hub::topics) lists it.
#[derive(Debug, Clone, Serialize)]
pub struct TopicInfo {
    /// Its name.
    pub topic: TopicName,
    /// Its kind.
    pub kind: TopicKind,
    /// Who listens on this node.
    pub readers: u32,
    /// Messages applied here since the node began.
    pub published: u64,
    /// Messages that its ring holds.
    pub held: usize,
    /// Bytes of payload that its ring holds.
    pub held_bytes: usize,
}

impl TopicInfo {
    /// A topic as it is now.
    pub(crate) fn of(topic: &Topic) -> Self {
        let ring = lock(&topic.ring);
        Self {
            topic: topic.name.clone(),
            kind: topic.kind,
            readers: topic.readers(),
            published: topic.published.load(Ordering::Relaxed),
            held: ring.len(),
            held_bytes: ring.bytes(),
        }
    }
}
