//! Limits: everything has one, and each has its reason.

/// What a node holds at most. The defaults suit one process with a few hundred MiB to spare.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one payload. 1 MiB: larger things belong in a store, and their address in a message.
    pub payload_bytes_max: usize,
    /// Topics of the node. A topic costs about 300 bytes before its messages.
    pub topics_max: usize,
    /// Readers of the node. A reader costs about 200 bytes, an open HTTP stream some 12 kB more.
    pub readers_max: usize,
    /// Topics of one reader, those that its patterns have found included: each costs its slot, and a page that holds
    /// more is a mistake.
    pub reader_topics_max: usize,
    /// Patterns of one reader. 256: a page holds one for each list that it shows. Each costs a look through the names
    /// that begin like it when it is joined, and a look at each topic of it that begins.
    pub reader_patterns_max: usize,
    /// Bytes of payload in one topic's ring: an Events topic of 1 MiB messages lets go of its oldest beyond it.
    pub ring_bytes_max: usize,
    /// Messages that a reader is handed at once: a long history is written in pieces, between which others get
    /// their turn.
    pub batch_messages_max: usize,
    /// Messages of its own that a node keeps for peers that missed them: at 10,000 a second, the 250 ms of a repair many
    /// times over. A peer that is further behind is served from the rings.
    pub resend_messages_max: usize,
    /// Bytes of payload of those. They are shared with the rings as long as those hold them too.
    pub resend_bytes_max: usize,
    /// Seconds for which a cursor resumes; an older one is a gap and a snapshot. An hour: a lunch break with the lid
    /// closed. Origins leave cursors three times as long after their death.
    pub cursor_age_s_max: u64,
    /// Seconds for which a deletion of a State topic is remembered by itself. A day: who was away for longer compares
    /// lists.
    pub tombstone_age_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 1024 * 1024,
            topics_max: 100_000,
            readers_max: 200_000,
            reader_topics_max: tidings_wire::live::PAGE_TOPICS_MAX,
            reader_patterns_max: 256,
            ring_bytes_max: 8 * 1024 * 1024,
            batch_messages_max: 256,
            resend_messages_max: 16_384,
            resend_bytes_max: 64 * 1024 * 1024,
            cursor_age_s_max: crate::CURSOR_AGE_S_MAX,
            tombstone_age_s: 24 * 60 * 60,
        }
    }
}
