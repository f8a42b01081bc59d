//! Values that stand in for what they superseded.
//!
//! Who serves another origin's messages from its rings no longer has a State value that a third
//! origin's has superseded. It sends that third one in its place, for the receiver may never get it
//! otherwise: its origin may have died, and only the server may have had it. The receiver holds it as
//! a value, without having applied what its origin published before. Mostly that comes soon. Where it
//! does not, and no peer has more, the receiver publishes the value as its own, with the clock that it
//! has: so all nodes get it, and they converge.

use std::sync::Arc;

use tidings_wire::{OriginTag, TopicKind};

use crate::{
    lock,
    log::{Message, NodeLog, Now},
    topic::Topic,
};

impl NodeLog {
    /// Holds a value by its version alone, unless its stamp has been applied or decided.
    pub(super) fn stand_in(&mut self, now: Now, topic: &Arc<Topic>, author: OriginTag, message: Message) -> bool {
        if topic.kind != TopicKind::State || author == self.me() || self.has(author) >= message.stamp {
            return false;
        }
        if lock(&topic.ring).beats(message.version) {
            return false;
        }
        self.seen(now, message.version);
        let (entry, woken) = self.hold(now, topic, message);
        if let Some(cluster) = &mut self.cluster {
            cluster.standins.insert(topic.name.clone(), entry);
        }
        woken
    }

    /// Publishes as its own what stands in for something and came in no other way, now that no peer has more.
    pub(super) fn adopt(&mut self, now: Now) -> bool {
        let Some(cluster) = &mut self.cluster else { return false };
        let mut woken = false;
        for (name, entry) in std::mem::take(&mut cluster.standins) {
            let Some(topic) = self.topics.get(&name).cloned() else { continue };
            if self.has(entry.version.origin()) < entry.stamp && self.is_held(&topic, &entry) {
                woken |= self.publish_again(now, &topic, &entry);
            }
        }
        woken
    }
}
