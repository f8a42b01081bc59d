//! Publish ids that were seen: what makes a retry harmless.

use std::collections::{HashMap, VecDeque};

use tidings_wire::TopicName;

use crate::{Limits, publish::Published};

/// The last publish ids of each topic, with what came of them.
///
/// Belongs to the log and is guarded by its lock. Costs nothing where nobody gives an id: neither a topic nor a publish
/// without one is entered.
#[derive(Debug)]
pub(crate) struct SeenIds {
    of: HashMap<TopicName, VecDeque<Seen>>,
    /// All that were entered, oldest first; those that their topic has let go of since are still among them.
    order: VecDeque<(TopicName, u64)>,
    /// Number of the next one.
    next: u64,
    of_topic_max: usize,
    all_max: usize,
}

#[derive(Debug)]
struct Seen {
    number: u64,
    id: Box<str>,
    published: Published,
}

impl SeenIds {
    pub(crate) fn new(limits: &Limits) -> Self {
        let (of, order) = (HashMap::new(), VecDeque::new());
        Self { of, order, next: 0, of_topic_max: limits.topic_publish_ids_max, all_max: limits.publish_ids_max }
    }

    /// What came of the publish that had this id on this topic, if it is among the last.
    pub(crate) fn find(&self, topic: &TopicName, id: &str) -> Option<&Published> {
        // Newest first: a retry comes soon.
        self.of.get(topic)?.iter().rev().find(|seen| &*seen.id == id).map(|seen| &seen.published)
    }

    /// Enters a publish. One that is entered again keeps its first answer.
    pub(crate) fn enter(&mut self, topic: &TopicName, id: &str, published: Published) {
        if self.of_topic_max == 0 || self.find(topic, id).is_some() {
            return;
        }
        let number = self.next;
        self.next += 1;
        let seen = self.of.entry(topic.clone()).or_default();
        seen.push_back(Seen { number, id: id.into(), published });
        if seen.len() > self.of_topic_max {
            seen.pop_front();
        }
        self.order.push_back((topic.clone(), number));
        while self.order.len() > self.all_max {
            self.let_go_of_oldest();
        }
    }

    fn let_go_of_oldest(&mut self) {
        let Some((topic, number)) = self.order.pop_front() else { return };
        let Some(seen) = self.of.get_mut(&topic) else { return };
        if seen.front().is_some_and(|oldest| oldest.number == number) {
            seen.pop_front();
        }
        if seen.is_empty() {
            self.of.remove(&topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidings_wire::{OriginTag, Version};

    use super::*;
    use crate::{
        Hub, Payload, PublishOptions,
        cluster::{Cluster, Data, Envelope, Event, Frame, WireEntry},
    };

    fn limits(of_topic: usize, all: usize) -> Limits {
        Limits { topic_publish_ids_max: of_topic, publish_ids_max: all, ..Limits::default() }
    }

    fn published(index: u64) -> Published {
        Published { version: Version::from_clock(index, OriginTag::from_low_bits(1)), stamp: index, index }
    }

    proptest! {
        /// Beside a plain list of everything: an id is found as long as it is among the last of its topic and among
        /// the last of all, and what is kept is bounded.
        #[test]
        fn the_last_ids_are_found(
            entered in prop::collection::vec((0..3_u8, 0..12_u8), 0..80),
            of_topic in 1..5_usize,
            all in 1..12_usize,
        ) {
            let mut ids = SeenIds::new(&limits(of_topic, all));
            let mut list: Vec<(TopicName, String, u64)> = Vec::new();
            for (index, (topic, id)) in (1..).zip(entered) {
                let (topic, id) = (TopicName::new(&format!("t/{topic}")).unwrap(), id.to_string());
                let known = |list: &[(TopicName, String, u64)]| {
                    let from = list.len().saturating_sub(all);
                    let last: Vec<_> = list[from..].iter().filter(|(on, ..)| *on == topic).collect();
                    let last = last[last.len().saturating_sub(of_topic)..].iter();
                    last.rev().find(|(_, with, _)| *with == id).map(|(.., index)| *index)
                };
                let first = known(&list);
                prop_assert_eq!(ids.find(&topic, &id).map(|published| published.index), first);
                ids.enter(&topic, &id, published(index));
                if first.is_none() {
                    list.push((topic.clone(), id.clone(), index));
                }
                prop_assert_eq!(ids.find(&topic, &id).map(|published| published.index), known(&list));
                prop_assert!(ids.order.len() <= all);
                prop_assert!(ids.of.values().map(VecDeque::len).sum::<usize>() <= ids.order.len());
                prop_assert!(ids.of.values().all(|seen| !seen.is_empty() && seen.len() <= of_topic));
            }
        }
    }

    /// A node without shards that run, and the frame of another node's message with a publish id.
    fn node() -> Hub {
        let hub = Hub::builder("alpha").unwrap().build_still(1);
        hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
        hub.shared.handle(Event::Up("beta".parse().unwrap()));
        hub
    }

    fn hear(hub: &Hub, topic: &str, stamp: u64, id: &str) {
        let origin = OriginTag::of(&"beta".parse().unwrap(), 9);
        let entry = WireEntry {
            topic: TopicName::new(topic).unwrap(),
            // Ahead, so that it is above what this node stamps meanwhile.
            clock: (hub.now_ms() + 60_000) << 16,
            stamp,
            from: None,
            id: Some(id.into()),
            payload: Some(Payload::of("beta").unwrap()),
            author: None,
        };
        let origin = origin.into();
        let (lost, lost_elsewhere, deleted) = (Vec::new(), 0, 0);
        let data = Data { origin, from: stamp - 1, to: stamp, entries: vec![entry], lost, lost_elsewhere, deleted };
        let envelope = Envelope { node: "beta".parse().unwrap(), epoch: 9, frame: Frame::Data(data) };
        hub.shared.handle(Event::Received(envelope));
    }

    fn say(hub: &Hub, topic: &str, id: &str) -> Published {
        let options = PublishOptions::default().with_id(id);
        hub.broadcast_with(topic, Payload::from_json("\"alpha\"").unwrap(), options).unwrap()
    }

    fn published_on(hub: &Hub, topic: &str) -> u64 {
        hub.topics().iter().find(|info| info.topic.as_str() == topic).map_or(0, |info| info.published)
    }

    #[test]
    fn a_retry_that_another_node_stamped_is_dropped_and_its_stamp_is_applied() {
        let (hub, beta) = (node(), OriginTag::of(&"beta".parse().unwrap(), 9));
        say(&hub, "room", "x");
        hear(&hub, "room", 1, "x");
        assert_eq!(published_on(&hub, "room"), 1);
        assert_eq!(hub.shared.log().applied().get(beta), 1, "the vector does not stop at it");
        hear(&hub, "room", 2, "y");
        assert_eq!(published_on(&hub, "room"), 2);
    }

    #[test]
    fn a_retry_of_what_another_node_published_gets_that_answer() {
        let (hub, beta) = (node(), OriginTag::of(&"beta".parse().unwrap(), 9));
        hear(&hub, "room", 1, "x");
        let answer = say(&hub, "room", "x");
        assert_eq!((answer.version.origin(), answer.stamp), (beta, 1));
        assert_eq!((published_on(&hub, "room"), hub.shared.log().head()), (1, 0), "nothing was stamped here");
        assert_eq!(say(&hub, "hall", "x").stamp, 1, "an id belongs to its topic");
    }

    #[test]
    fn values_of_one_id_still_converge() {
        // Two nodes took the same write at the same time: which of its two versions stays must be the same everywhere,
        // or a third value in between would win on one node and lose on the other.
        tidings_wire::topics! { VALUE: tidings_wire::State<String> = "value"; }
        let hub = node();
        hub.serve(VALUE);
        let first = say(&hub, "value", "x");
        hear(&hub, "value", 0xffff, "other");
        assert_eq!(hub.value(&VALUE.at()).as_deref(), Some("alpha"), "a hole: not applied");
        hear(&hub, "value", 1, "x");
        let held = hub.snapshot(&TopicName::new("value").unwrap(), 1).entries.remove(0);
        assert_eq!(held.version.origin(), OriginTag::of(&"beta".parse().unwrap(), 9));
        assert!(held.version > first.version);
    }
}
