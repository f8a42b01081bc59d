//! Serving a peer: what an origin published above a stamp, as far as this node holds it.

use tidings_wire::{OriginTag, TopicKind, TopicName};

use super::frame::{Data, FRAME_ENTRIES_MAX, FRAME_PAYLOAD_BYTES, Outgoing};
use crate::{
    lock,
    log::{NodeLog, Now},
    plant::{Plant, planted},
};

/// What is gone of an origin's messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gone {
    /// Topics of which messages are gone, each with the highest stamp.
    pub(crate) lost: Vec<(TopicName, u64)>,
    /// The same of topics whose names are forgotten; 0 for none.
    pub(crate) elsewhere: u64,
    /// The highest stamp of a deletion that is no more remembered; 0 for none.
    pub(crate) deletions: u64,
}

impl Gone {
    pub(crate) fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.elsewhere == 0 && self.deletions == 0
    }
}

/// Entries in stamp order as one or more frames that decide `(from, to]`.
pub(crate) fn frames(
    origin: OriginTag,
    from: u64,
    to: u64,
    entries: impl Iterator<Item = Outgoing>,
    gone: Gone,
) -> Vec<Data<Outgoing>> {
    let begin = |from| Data {
        origin: origin.into(),
        from,
        to,
        entries: Vec::new(),
        lost: Vec::new(),
        lost_elsewhere: 0,
        deleted: 0,
    };
    let (mut frames, mut data, mut bytes) = (Vec::new(), begin(from), 0);
    // Told with the first frame: a gap stands before what follows it.
    (data.lost, data.lost_elsewhere, data.deleted) = (gone.lost, gone.elsewhere, gone.deletions);
    let mut last = from;
    for outgoing in entries {
        let entry = &outgoing.entry;
        if data.entries.len() == FRAME_ENTRIES_MAX
            || (bytes + entry.bytes() > FRAME_PAYLOAD_BYTES && !data.entries.is_empty())
        {
            data.to = last;
            bytes = 0;
            let next = begin(last);
            frames.push(std::mem::replace(&mut data, next));
        }
        bytes += entry.bytes();
        last = outgoing.stamp();
        data.entries.push(outgoing);
    }
    frames.push(data);
    frames
}

impl NodeLog {
    /// Walks all rings for what they hold of an origin in `(have, to]`, in stamp order, and for what is gone.
    ///
    /// A State value that another origin's has superseded is not there any more. That other one stands in for it: who
    /// is served may never get it otherwise, and would keep a value older than both.
    pub(crate) fn walk_rings(&self, now: Now, origin: OriginTag, have: u64, to: u64) -> (Vec<Outgoing>, Gone) {
        let mut entries: Vec<Outgoing> = Vec::new();
        let mut gone =
            Gone { lost: Vec::new(), elsewhere: self.forgotten.get(origin), deletions: self.deleted.get(origin) };
        for topic in self.topics.values() {
            let mut ring = lock(&topic.ring);
            // A deletion that is past its time is not told any more: others have forgotten it, and may have taken what
            // lies below it.
            ring.expire(now.monotonic_ms);
            let held = ring.of_origin(origin, have).filter(|entry| entry.stamp <= to);
            entries.extend(held.cloned().map(Outgoing::from));
            let stamp = ring.gone_of(origin);
            match (topic.kind, ring.newest()) {
                _ if stamp <= have || stamp > to => {}
                (TopicKind::State, Some(newest)) => {
                    let superseded = newest.version.origin() != origin;
                    let stands_in = || Outgoing { entry: newest.clone(), superseded: Some(stamp) };
                    entries.extend((superseded && !planted(Plant::SupersededByTheUnknown)).then(stands_in));
                }
                (TopicKind::State, None) => gone.deletions = gone.deletions.max(stamp),
                _ => gone.lost.push((topic.name.clone(), stamp)),
            }
        }
        entries.sort_unstable_by_key(Outgoing::stamp);
        gone.lost.sort_unstable();
        if gone.elsewhere <= have {
            gone.elsewhere = 0;
        }
        if gone.deletions <= have || planted(Plant::DeletionsNotSynced) {
            gone.deletions = 0;
        }
        if planted(Plant::RepairWithoutGaps) {
            gone.lost.clear();
        }
        (entries, gone)
    }
}
