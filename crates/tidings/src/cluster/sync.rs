//! State topics that were deleted while a node was away for longer than deletions are remembered.
//!
//! A tombstone is kept for a day. A node that was cut off for longer, and did not restart, still
//! holds the value, and repair brings it no deletion. So who serves a range of which a deletion is
//! no more remembered first lists the State topics that it holds. A value that is not listed, and
//! that the sender had applied, was deleted there: it is deleted here too. What the sender had not
//! applied is newer than its list, and stays.

use std::{collections::BTreeMap, sync::Arc};

use tidings_wire::{OriginTag, TopicKind, TopicName, Version};

use super::Holds;
use crate::{
    lock,
    log::{Message, NodeLog, Now},
    topic::Topic,
};

/// A topic's name in a list of thousands: FNV-1a, 64 bits. Two of 100,000 topics share one with a probability of
/// 10⁻¹⁰, and then a deletion is not seen.
fn hash(topic: &TopicName) -> u64 {
    topic
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

impl NodeLog {
    /// The State topics that this node holds, deleted ones that are still remembered among them.
    pub(crate) fn holds(&self) -> Holds {
        let held = self.topics.values().filter(|topic| topic.kind == TopicKind::State);
        // A deletion without a stamp was found like this itself, and is in no range: it counts as absent.
        let is_held = |topic: &&Arc<Topic>| {
            lock(&topic.ring).newest().is_some_and(|entry| entry.payload.is_some() || entry.is_stamped())
        };
        let held = held.filter(is_held);
        let mut topics: Vec<_> = held.map(|topic| hash(&topic.name)).collect();
        topics.sort_unstable();
        let applied = self.all_applied().map(|(origin, stamp)| (origin.into(), stamp)).collect();
        Holds { applied, topics }
    }

    /// Deletes what the sender of a list had, and has no more. Says whether shards have something to do.
    pub(crate) fn delete_unlisted(&mut self, now: Now, holds: &Holds) -> bool {
        let applied: BTreeMap<OriginTag, u64> =
            holds.applied.iter().map(|(tag, stamp)| (OriginTag::from(*tag), *stamp)).collect();
        let had =
            |version: Version, stamp: u64| stamp > 0 && applied.get(&version.origin()).is_some_and(|has| *has >= stamp);
        let mut gone = Vec::new();
        for topic in self.topics.values().filter(|topic| topic.kind == TopicKind::State) {
            let ring = lock(&topic.ring);
            let Some(entry) = ring.newest().filter(|entry| entry.payload.is_some()) else { continue };
            if had(entry.version, entry.stamp) && holds.topics.binary_search(&hash(&topic.name)).is_err() {
                gone.push((topic.clone(), entry.version));
            }
        }
        gone.sort_unstable_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let mut woken = false;
        for (topic, version) in gone {
            // Above the value, for readers. It has no stamp, for it is this node's alone, and decides nothing: the
            // deletion's own version is forgotten.
            let version = Version::from_clock(version.clock() + 1, OriginTag::from_low_bits(0));
            let deletion = Message { version, stamp: 0, from: None, id: None, payload: None, gap: None };
            woken |= self.enter_and_append(now, &topic, deletion);
        }
        woken
    }
}
