//! What may be said with a publish, and what comes of it.

use tidings_wire::Version;

use crate::entry::Entry;

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When and by whom: a writer's own echo, and every newer value, is at least this.
    pub version: Version,
    /// Its number among all that this node publishes; 0 for a local one.
    pub stamp: u64,
    /// Its place in the node's log.
    pub index: u64,
}

impl Published {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self { version: entry.version, stamp: entry.stamp, index: entry.index }
    }
}

/// What may be said with a publish.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PublishOptions {
    /// The sender's public id: readers with the same id skip the message.
    pub from: Option<Box<str>>,
    /// A publish id: it travels with the message, so that a writer knows its own echo. A second publish under an id that
    /// is among the topic's last 64 publishes nothing, and is answered with what the first came to: a retry is harmless.
    pub id: Option<Box<str>>,
    /// The highest version that the writer has seen: the new one lies above, unless it claims to be more than a minute
    /// ahead of everything that this node knows.
    pub seen: Option<Version>,
}

impl PublishOptions {
    /// Sets [`from`](Self::from).
    #[must_use]
    pub fn from_sender(mut self, sender: &str) -> Self {
        self.from = Some(sender.into());
        self
    }

    /// Sets [`id`](Self::id).
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets [`seen`](Self::seen).
    #[must_use]
    pub fn after(mut self, seen: Version) -> Self {
        self.seen = Some(seen);
        self
    }
}
