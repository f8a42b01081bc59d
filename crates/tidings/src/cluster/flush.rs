//! What is to be sent at the end of an event.

use std::collections::{BTreeMap, BTreeSet};

use tidings_wire::{NodeName, OriginTag, TopicKind, TopicName};

use super::{Beat, Bucket, Frame, Outgoing, serve};
use crate::{
    log::{NodeLog, Now},
    plant::{Plant, planted},
};

/// How often peers are told of the origins that are retired here, in milliseconds: they change by the hour.
const RETIRED_MS: u64 = 5_000;

/// A frame for one or more peers: encoded once for all of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Send {
    pub(crate) to: Vec<NodeName>,
    pub(crate) frame: Frame<Outgoing>,
}

impl Send {
    pub(crate) fn one(to: NodeName, frame: Frame<Outgoing>) -> Self {
        Self { to: vec![to], frame }
    }
}

/// Entries, and who gets them.
type Share = (Vec<Outgoing>, Vec<NodeName>);

/// Entries of a range in stamp order, and what is gone of it.
struct Range {
    entries: Vec<Outgoing>,
    /// With the bucket of each Signal topic's entry; `None` for what goes to everybody.
    buckets: Vec<Option<Bucket>>,
    gone: serve::Gone,
}

impl NodeLog {
    /// Sends every peer what this node has published and the peer was not sent, then the beats that are due, then what
    /// goes to one node alone. In this order: a beat names a head, and what lies below it has been sent.
    pub(crate) fn flush(&mut self, now: Now, sends: &mut Vec<Send>) {
        let Some(cluster) = &mut self.cluster else { return };
        let beat_to = std::mem::take(&mut cluster.beat_to);
        self.flush_published(now, &beat_to, sends);
        for node in beat_to {
            if let Some(beat) = self.beat(now, &node) {
                sends.push(Send::one(node, Frame::Beat(beat)));
            }
        }
        let Some(cluster) = &mut self.cluster else { return };
        if let Some(stamp) = cluster.confirm.take() {
            let to = cluster.peers.keys().cloned().collect();
            sends.push(Send { to, frame: Frame::Confirm { stamp } });
        }
        sends.extend(cluster.directs.drain(..).map(|(to, entry)| Send::one(to, Frame::Direct(entry))));
    }

    /// What was published goes out at once, unless a peer needs nothing of it: then the range waits for the next message
    /// that it needs, or for its beat.
    fn flush_published(&mut self, now: Now, beat_to: &BTreeSet<NodeName>, sends: &mut Vec<Send>) {
        let head = self.head();
        let Some(cluster) = &self.cluster else { return };
        let mut behind: BTreeMap<u64, Vec<NodeName>> = BTreeMap::new();
        for (node, peer) in &cluster.peers {
            if let (Some(sent), Some(_)) = (peer.sent, &peer.interest)
                && sent < head
            {
                behind.entry(sent).or_default().push(node.clone());
            }
        }
        for (sent, nodes) in behind {
            let range = self.range(now, sent);
            for (entries, mut nodes) in self.by_interest(&range, nodes) {
                let is_empty = entries.is_empty() && range.gone.is_empty();
                // Who is told nothing now is still behind, and is served from here the next time.
                nodes.retain(|node| !is_empty || beat_to.contains(node));
                if nodes.is_empty() {
                    continue;
                }
                let counted = (entries.len() as u64, (range.entries.len() - entries.len()) as u64);
                self.sent(&nodes, head, counted);
                let frames = serve::frames(self.me(), sent, head, entries.into_iter(), range.gone.clone());
                if range.gone.deletions > sent {
                    sends.push(Send { to: nodes.clone(), frame: Frame::Holds(self.holds()) });
                }
                sends.extend(frames.into_iter().map(|data| Send { to: nodes.clone(), frame: Frame::Data(data) }));
            }
        }
    }

    /// Notes that nodes were sent everything up to a stamp: so many messages, and so many not.
    fn sent(&mut self, nodes: &[NodeName], head: u64, (messages, spared): (u64, u64)) {
        let Some(cluster) = &mut self.cluster else { return };
        for node in nodes {
            if let Some(peer) = cluster.peers.get_mut(node) {
                peer.sent = Some(head);
                peer.messages_sent += messages;
                peer.messages_spared += spared;
            }
        }
    }

    /// What this node published above a stamp.
    fn range(&self, now: Now, sent: u64) -> Range {
        let kept = self.cluster.as_ref().and_then(|cluster| cluster.resend.above(now.monotonic_ms, sent));
        let (entries, gone) = match kept {
            Some(entries) => (entries.cloned().map(Outgoing::from).collect(), serve::Gone::default()),
            None => self.walk_rings(now, self.me(), sent, self.head()),
        };
        // What has been forgotten meanwhile goes to everybody: more than is needed is never wrong.
        let is_signal = |name: &TopicName| self.topics.get(name).is_some_and(|topic| topic.kind == TopicKind::Signal);
        let bucket = |out: &Outgoing| is_signal(&out.entry.topic).then(|| Bucket::of(&out.entry.topic));
        let buckets = entries.iter().map(bucket).collect();
        Range { entries, buckets, gone }
    }

    /// The entries that go to each set of peers with the same needs in this range.
    fn by_interest(&self, range: &Range, nodes: Vec<NodeName>) -> Vec<Share> {
        if range.buckets.iter().all(Option::is_none) {
            return vec![(range.entries.clone(), nodes)];
        }
        let mut sets: BTreeMap<Vec<u64>, Share> = BTreeMap::new();
        for node in nodes {
            let interest = self.cluster.as_ref().and_then(|cluster| cluster.peers.get(&node)?.interest.as_ref());
            let wants = |bucket: &Option<Bucket>| {
                bucket.is_none_or(|bucket| interest.is_some_and(|interest| interest.wants(bucket)))
            };
            let wanted = range.entries.iter().zip(&range.buckets).filter(|(_, bucket)| wants(bucket));
            let entries: Vec<_> = wanted.map(|(entry, _)| entry.clone()).collect();
            let stamps = entries.iter().map(Outgoing::stamp).collect();
            sets.entry(stamps).or_insert_with(|| (entries, Vec::new())).1.push(node);
        }
        sets.into_values().collect()
    }

    /// Where this node stands, as one peer is told.
    fn beat(&mut self, now: Now, node: &NodeName) -> Option<Beat> {
        let tags = |(origin, stamp): (OriginTag, u64)| (origin.into(), stamp);
        let applied = self.applied().iter().map(tags).collect();
        let me = self.me();
        let cluster = self.cluster.as_mut()?;
        let version = cluster.needs.version();
        let up = cluster.origins_up();
        let is_dead = |(origin, _): &(OriginTag, u64)| *origin != me && !up.contains(origin);
        let dead = cluster.origins.dead(now).filter(is_dead).map(tags).collect();
        let peer = cluster.peers.get_mut(node)?;
        let tell_retired = peer.told_retired_ms.is_none_or(|last| last + RETIRED_MS <= now.monotonic_ms);
        if tell_retired {
            peer.told_retired_ms = Some(now.monotonic_ms);
        }
        let retired = cluster.origins.unlisted().filter(|_| tell_retired).map(tags).collect();
        let mut heard = peer.interest.as_ref().map(|interest| (interest.version, peer.filtered_from));
        if planted(Plant::InterestAnsweredAtOnce) {
            heard = heard.map(|(version, _)| (version, 0));
        }
        let knows = peer.heard == Some(version);
        Some(Beat { applied, dead, retired, wants: (!knows).then(|| cluster.needs.interest()), heard })
    }
}
