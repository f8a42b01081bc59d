//! What may be said with a publish, and what comes of it.

use tidings_wire::Version;

use crate::entry::Entry;

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When and by whom: a writer's own echo, and every newer value, is at least this.
    pub version: Version,
    /// Its number among all that its origin publishes, which is this node unless another one took the same
    /// [`id`](PublishOptions::id) first; 0 for a local one.
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
    /// A publish id, at most [`Limits::id_bytes_max`](crate::Limits) bytes. It travels with the message, so that a
    /// writer knows its own echo, and it makes a retry harmless: a node that has seen the id on the topic, from here or
    /// from another node, publishes nothing and gives the first one's answer.
    ///
    /// It remembers the last 64 ids of a topic ([`Limits::topic_publish_ids_max`](crate::Limits)). Two nodes that take
    /// the same id at the same time know nothing of each other: each of their readers gets one of the two, and a reader
    /// that moves from one to the other may see both, with the same id.
    ///
    /// ```
    /// use tidings::{Hub, Payload, PublishOptions};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// let send = || hub.broadcast_with("order", Payload::from_json("1")?, PublishOptions::default().with_id("7f3a"));
    /// assert_eq!(send()?, send()?);
    /// assert_eq!(hub.topics()[0].published, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub id: Option<Box<str>>,
    /// The highest version that the writer has seen: the new one lies above, unless it claims to be further ahead
    /// of everything that this node knows than [`Limits::client_ahead_ms_max`](crate::Limits), a minute.
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
