//! What is missing here, told to readers and remembered for cursors to come.

use std::sync::Arc;

use tidings_wire::{Cursor, OriginTag, TopicKind, TopicName, event::GapCause};

use super::Data;
use crate::{
    lock,
    log::{NodeLog, Now},
    topic::Topic,
};

/// A record of what is gone only rises.
pub(super) fn raise(gone: &mut Cursor, origin: OriginTag, stamp: u64) {
    if gone.get(origin) < stamp {
        gone.set(origin, stamp);
    }
}

impl NodeLog {
    /// All topics, in an order that no hash decides.
    pub(super) fn topics_by_name(&self) -> Vec<Arc<Topic>> {
        let mut topics: Vec<_> = self.topics.values().cloned().collect();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    /// Tells all readers of topics with messages that a node died, and that what it published last may be missing.
    pub(super) fn gap_death(&mut self, now: Now) -> bool {
        let mut woken = false;
        for topic in self.topics_by_name().into_iter().filter(|topic| topic.kind != TopicKind::State) {
            woken |= self.gap(now, &topic, GapCause::NodeDied, None);
        }
        woken
    }

    /// Gaps the topics of which the sender of a range has let go, before the range is applied.
    pub(super) fn gap_lost(
        &mut self,
        now: Now,
        origin: OriginTag,
        have: u64,
        data: &Data,
        topic: impl Fn(&mut Self, &TopicName) -> Option<Arc<Topic>>,
    ) -> bool {
        let mut woken = false;
        for (name, stamp) in data.lost.iter().filter(|(_, stamp)| *stamp > have) {
            let Some(topic) = topic(self, name) else {
                raise(&mut self.forgotten, origin, *stamp);
                continue;
            };
            woken |= self.gap_one(now, &topic, origin, *stamp);
        }
        if data.lost_elsewhere > have {
            for topic in self.topics_by_name() {
                woken |= self.gap_one(now, &topic, origin, data.lost_elsewhere);
            }
            raise(&mut self.forgotten, origin, data.lost_elsewhere);
        }
        woken
    }

    /// What came from another node than its origin lacks what that node had not asked for.
    pub(super) fn gap_signals(&mut self, now: Now, origin: OriginTag, stamp: u64) -> bool {
        let mut woken = false;
        for topic in self.topics_by_name().into_iter().filter(|topic| topic.kind == TopicKind::Signal) {
            woken |= self.gap_one(now, &topic, origin, stamp);
        }
        raise(&mut self.signals_gone, origin, stamp);
        woken
    }

    /// Tells a topic's readers that messages of an origin are gone, and remembers it for cursors to come.
    pub(super) fn gap_one(&mut self, now: Now, topic: &Arc<Topic>, origin: OriginTag, stamp: u64) -> bool {
        if topic.kind == TopicKind::State {
            return false;
        }
        lock(&topic.ring).note_gone(origin, stamp);
        self.gap(now, topic, GapCause::Lost, Some((origin, stamp)))
    }
}
