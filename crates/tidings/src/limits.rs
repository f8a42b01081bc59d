//! Limits: everything has one, and each has its reason.

use tidings_wire::Keep;

/// What a node holds at most, and for how long. The defaults suit one process with a few hundred MiB to spare; change
/// them with [`HubBuilder::limits`](crate::HubBuilder::limits).
///
/// What happens at each, and what an operator can do, is in `docs/OPERATIONS.md`. Limits that all nodes and browsers
/// have to agree on (names, cursors, frames, how far another node's clock may be ahead) are constants.
///
/// ```
/// use tidings::Hub;
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let hub = Hub::builder("alpha")?.limits(|limits| limits.bytes_max = 1 << 30).build();
/// assert_eq!(hub.limits().bytes_max, 1_073_741_824);
/// assert_eq!(hub.limits().payload_bytes_max, 1_048_576);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
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
    /// Milliseconds by which a version that a client says it has seen may be ahead of all clocks that this node knows.
    /// One minute: an honest client has seen it here or at a peer. One further ahead is not taken into account.
    pub client_ahead_ms_max: u64,
    /// Topics of the node. 100,000: a topic costs about 500 bytes before its messages.
    pub topics_max: usize,
    /// Bytes of payload in one topic's ring. 8 MiB: an Events topic of 1 MiB messages keeps eight of them.
    pub ring_bytes_max: usize,
    /// Bytes of all rings together: payloads, and 320 bytes and the cursor for each message. 256 MiB: 100,000 topics with
    /// 2.5 KiB each. Beyond it Signal and Events topics let go of their oldest messages, the largest rings first, and
    /// readers that had not read them get a gap; State is never let go of, and where it alone takes all of it, a publish
    /// that needs more is refused with [`PublishError::NoRoom`](crate::PublishError::NoRoom). What streams have written
    /// is kept encoded beside its payload: count on twice this much memory.
    pub bytes_max: usize,
    /// What a Signal topic holds that says nothing of its own. 64 messages and 5 s: for streams that are there, and for
    /// those that come back at once.
    pub signal_keep: Keep,
    /// Seconds for which a deletion of a State topic is remembered by itself. 24 h: longer than most nodes are away; who
    /// was away for longer compares lists. At least [`cursor_age_s_max`](Self::cursor_age_s_max): less counts as that.
    pub tombstone_age_s: u64,
    /// Readers of the node: subscriptions and streams. 200,000: a subscription to one topic costs about 200 bytes, a
    /// reader of several about 1.5 kB, an open HTTP stream some 12 kB more.
    pub readers_max: usize,
    /// Topics of one reader, those that its patterns have found included. 4,096: each costs its slot, and a page that
    /// holds more is a mistake.
    pub reader_topics_max: usize,
    /// Patterns of one reader. 256: a page holds one for each list that it shows. Each costs a look through the names
    /// that begin like it when it is joined, and a look at each topic of it that begins.
    pub reader_patterns_max: usize,
    /// Messages that a reader is handed at once. 256: a long history is written in pieces, between which others get
    /// their turn. At least 1: 0 counts as that.
    pub batch_messages_max: usize,
    /// Messages of its own that a node keeps for peers that missed them. 16,384: at 10,000 a second, the 250 ms of a
    /// repair many times over. A peer that is further behind is served from the rings.
    pub resend_messages_max: usize,
    /// Bytes of payload of those. 64 MiB. They are shared with the rings as long as those hold them too, and are not in
    /// [`bytes_max`](Self::bytes_max).
    pub resend_bytes_max: usize,
    /// Seconds for which a cursor resumes; an older one is a gap and a snapshot. One hour: a lunch break with the lid
    /// closed. Origins leave cursors three times as long after their death.
    pub cursor_age_s_max: u64,
    /// Milliseconds for which a reader waits that its node has what its cursor covers, and that peers answer for a Signal
    /// topic. One second: longer than a repair takes, and short enough for a visitor who changes nodes.
    pub resume_wait_ms: u64,
    /// Bytes of one presence's meta. 4 KiB: a name, a colour, what is being edited; it goes to everybody who sees the
    /// list. At most 1 MiB: more counts as that.
    pub presence_meta_bytes_max: usize,
    /// Entries of presence that this node knows of, its own and other nodes'. 200,000, as readers: an entry costs about
    /// 500 bytes and its meta.
    pub presences_max: usize,
    /// Entries of one topic. 20,000: every newcomer is sent the whole list.
    pub topic_presences_max: usize,
    /// Entries of one reference on this node. 64: a page is in a few rooms at once, and none may fill a list alone.
    pub page_presences_max: usize,
    /// Milliseconds for which an entry fades before it leaves: its page may come back, to this node or another one. 5 s:
    /// a reload, a short break, a node that is restarted.
    pub presence_grace_ms: u64,
    /// Changes that a topic keeps for those who watch it. 16,384: of 10,000 that leave at once there is a diff; who is
    /// further behind is told the list. At least 1: 0 counts as that.
    pub presence_changes_max: usize,
    /// Entries of its own that have gone and that a node remembers for peers that missed it, about 150 bytes each.
    /// 16,384: of a storm of 10,000 leaves a peer that misses a frame is sent the rest. One that is further behind is sent
    /// the list.
    pub presence_gone_max: usize,
    /// Shards, the tasks that wake readers; never more than there are cores. 16: more would only wait for each other. At
    /// most 64, at least 1.
    pub shards_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: 1024 * 1024,
            id_bytes_max: 128,
            topic_publish_ids_max: 64,
            publish_ids_max: 131_072,
            client_ahead_ms_max: 60 * 1000,
            topics_max: 100_000,
            ring_bytes_max: 8 * 1024 * 1024,
            bytes_max: 256 * 1024 * 1024,
            signal_keep: Keep::SIGNAL,
            tombstone_age_s: 24 * 60 * 60,
            readers_max: 200_000,
            reader_topics_max: tidings_wire::live::PAGE_TOPICS_MAX,
            reader_patterns_max: 256,
            batch_messages_max: 256,
            resend_messages_max: 16_384,
            resend_bytes_max: 64 * 1024 * 1024,
            cursor_age_s_max: 60 * 60,
            resume_wait_ms: 1_000,
            presence_meta_bytes_max: 4 * 1024,
            presences_max: 200_000,
            topic_presences_max: 20_000,
            page_presences_max: 64,
            presence_grace_ms: 5_000,
            presence_changes_max: 16_384,
            presence_gone_max: 16_384,
            shards_max: 16,
        }
    }
}

/// Bytes of a record in the journal beside payload and ids: the topic's name, numbers, and what the journal says of it.
const RECORD_HEAD_BYTES: usize = 2 * 1024;

impl Limits {
    /// Bytes of the longest record that a node writes into a journal.
    pub(crate) fn record_bytes_max(&self) -> usize {
        self.payload_bytes_max + 2 * self.id_bytes_max + RECORD_HEAD_BYTES
    }

    /// With those corrected that would break a promise.
    pub(crate) fn corrected(mut self) -> Self {
        // A reader that comes back after a deletion must find it, or it would show the old value for ever.
        self.tombstone_age_s = self.tombstone_age_s.max(self.cursor_age_s_max);
        self.batch_messages_max = self.batch_messages_max.max(1);
        // A change has to fit into a frame, at peers that take twice as much, too.
        self.presence_meta_bytes_max = self.presence_meta_bytes_max.min(1024 * 1024);
        self.presence_changes_max = self.presence_changes_max.max(1);
        // A shard's place in an inbox is a bit of a word.
        self.shards_max = self.shards_max.clamp(1, u64::BITS as usize);
        self
    }
}

#[cfg(test)]
mod tests {
    use tidings_wire::{Cursor, OriginTag, event::GapCause};

    use crate::{
        Delivery, Hub, Start,
        cluster::{Beat, Cluster, Envelope, Event, Frame},
        testing::{HandClock, read},
    };

    #[test]
    fn a_resume_waits_for_its_node_as_long_as_is_configured() {
        let clock = HandClock::default();
        let builder = Hub::builder("alpha").unwrap().clock(clock.clone());
        let hub = builder.limits(|limits| limits.resume_wait_ms = 200).build_still(1);
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        let (beta, node) = (OriginTag::of(&"beta".parse().unwrap(), 9), "beta".parse().unwrap());
        hub.shared.handle(Event::Up("beta".parse().unwrap()));
        let frame = Frame::Beat(Beat { applied: vec![(beta.into(), 5)], ..Beat::default() });
        hub.shared.handle(Event::Received(Envelope { node, epoch: 9, frame }));
        let mut ahead = Cursor::issued_at(hub.now_ms() / 1000);
        ahead.set(hub.origin(), 0);
        ahead.set(beta, 5);
        let mut reader = hub.reader().unwrap();
        reader.join(1, vec![("room".parse().unwrap(), Start::After(ahead.to_string().into()))]);
        clock.advance_ms(199);
        assert!(read(&mut reader).is_empty(), "what its cursor covers may still come");
        clock.advance_ms(1);
        let told = read(&mut reader);
        assert!(
            matches!(&told[..], [Delivery::Rewound, Delivery::Gap { cause: GapCause::Rewound, .. }, ..]),
            "{told:?}"
        );
    }
}
