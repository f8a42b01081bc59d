//! What is written: at random, with publish ids, and again.

use tidings_wire::{TopicKind, TopicName};

use super::{super::node::SimulatedNode, World};
use crate::{Payload, PublishOptions, cluster::Event};

/// After which a writer that has not heard tries again, at most.
const RETRY_MS_MAX: u64 = 300;

impl World {
    pub(super) fn publish(&mut self) {
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()).collect();
        let node = *self.random.pick(&alive);
        let topic = self.topic();
        self.value += 1;
        let value = self.value;
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let clears = topic.as_str().starts_with("value/") && self.random.per_mille(100);
        if !clears {
            let retried = self.random.per_mille(self.plan.retries_per_mille);
            if retried {
                let at_ms = self.now() + self.random.between(0, RETRY_MS_MAX);
                let elsewhere = *self.random.pick(&alive);
                self.retries.insert((at_ms, value), (elsewhere, topic.clone()));
            }
            return self.publish_value(node, topic, value, retried);
        }
        let published = hub.clear(topic.as_str()).expect("to clear never fails");
        self.log(|| format!("n{node} clears {topic} as {}", published.stamp));
        self.model.published(topic, TopicKind::State, published.version, published.stamp, None);
        self.tell(node, Event::Flush);
    }

    /// Publishes a value, and if that is or will be tried again, with its publish id.
    fn publish_value(&mut self, node: usize, topic: TopicName, value: u64, retried: bool) {
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let options = PublishOptions { id: retried.then(|| value.to_string().into()), ..PublishOptions::default() };
        let payload = Payload::of(&value).expect("a number");
        let published = hub.broadcast_with(topic.as_str(), payload, options).expect("inside all limits");
        self.log(|| format!("n{node} publishes {value} on {topic} as {}", published.stamp));
        let kind = hub.kind(&topic).unwrap_or(TopicKind::Signal);
        self.model.published(topic, kind, published.version, published.stamp, Some(value));
        self.tell(node, Event::Flush);
    }

    /// Writers that have not heard try again, with the same id.
    pub(super) fn retry(&mut self) {
        let now_ms = self.now();
        while let Some(entry) = self.retries.first_entry() {
            let (at_ms, value) = *entry.key();
            if at_ms > now_ms {
                return;
            }
            let (node, topic) = entry.remove();
            self.publish_value(node, topic, value, true);
        }
    }
}
