//! Limits: everything has one, and each has its reason.

/// What a node holds at most. The defaults suit one process with a few hundred MiB to spare.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload. 1 MiB: larger things belong in a store, and their address in a message.
    pub payload_bytes_max: usize,
    /// Bytes of a publish id or of a sender's id: both travel with their message. 128: a UUID has 36, a page id 43.
    pub id_bytes_max: usize,
    /// Publish ids that a topic remembers: a retry is dropped if no more than these came in between. 64: a retry comes
    /// within seconds.
    pub topic_publish_ids_max: usize,
    /// Publish ids that the node remembers for all topics together, about 150 bytes each. 131,072: two minutes at a
    /// thousand a second, some 20 MB.
    pub publish_ids_max: usize,
    /// Topics of the node. A topic costs about 300 bytes before its messages.
    pub topics_max: usize,
    /// Readers of the node. A reader costs about 200 bytes, an open HTTP stream some 12 kB more.
    pub readers_max: usize,
    /// Topics of one reader: each costs its slot, and a page that holds more is a mistake.
    pub reader_topics_max: usize,
    /// Bytes of payload in one topic's ring: an Events topic of 1 MiB messages lets go of its oldest beyond it.
    pub ring_bytes_max: usize,
    /// Bytes of all rings together: payloads, and 320 bytes and the cursor for each message. 256 MiB: 100,000 topics with
    /// 2.5 KiB each. Beyond it Signal and Events topics let go of their oldest messages, the largest rings first, and
    /// readers that had not read them get a gap; State is never let go of, and where it alone takes all of it, a publish
    /// that needs more is refused with [`PublishError::NoRoom`](crate::PublishError::NoRoom). What streams have written
    /// is kept encoded beside its payload: count on twice this much memory.
    pub bytes_max: usize,
    /// Messages that a reader is handed at once: a long history is written in pieces, between which others get
    /// their turn.
    pub batch_messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 1024 * 1024,
            id_bytes_max: 128,
            topic_publish_ids_max: 64,
            publish_ids_max: 131_072,
            topics_max: 100_000,
            readers_max: 200_000,
            reader_topics_max: tidings_wire::live::PAGE_TOPICS_MAX,
            ring_bytes_max: 8 * 1024 * 1024,
            bytes_max: 256 * 1024 * 1024,
            batch_messages_max: 256,
        }
    }
}
