//! What a node does when something happens in its cluster.

use std::sync::Arc;

use tidings_wire::{Cursor, NodeName, OriginTag, TopicKind, event::GapCause};

use super::{Data, Envelope, Event, Frame, Peer, Send, serve};
use crate::{
    Payload,
    hlc::AHEAD_MS_MAX,
    lock,
    log::{Message, NodeLog, Now},
    plant::{Plant, planted},
    shared::Shared,
    topic::Topic,
};

/// What came of an event.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) send: Vec<Send>,
    /// Shards have something to do.
    pub(crate) woken: bool,
}

impl Shared {
    /// Handles one event of the cluster.
    pub(crate) fn handle(&self, event: Event) -> Outcome {
        let now = self.now();
        let mut log = self.log();
        let mut outcome = Outcome::default();
        match event {
            Event::Up(node) => {
                let Some(cluster) = &mut log.cluster else { return outcome };
                cluster.peers.insert(node.clone(), Peer::default());
                outcome.send.push(Send { to: node, frame: log.beat() });
            }
            Event::Down(node) => {
                let Some(cluster) = &mut log.cluster else { return outcome };
                let known = cluster.peers.remove(&node).and_then(|peer| peer.origin);
                outcome.woken = known.is_some() && self.gap_all(&mut log, now, GapCause::NodeDied);
            }
            Event::Received(envelope) => self.received(&mut log, now, envelope, &mut outcome),
            Event::Tick => {
                if log.cluster.as_mut().is_some_and(|cluster| cluster.beat_is_due(now)) {
                    let beat = log.beat();
                    let peers = log.cluster.iter().flat_map(|cluster| cluster.peers.keys().cloned());
                    outcome.send.extend(peers.map(|to| Send { to, frame: beat.clone() }));
                }
                log.ask_for_what_lacks(now, &mut outcome.send);
            }
        }
        outcome.send.extend(log.flush());
        drop(log);
        self.wake_waiting();
        outcome
    }

    fn received(&self, log: &mut NodeLog, now: Now, envelope: Envelope, outcome: &mut Outcome) {
        let Envelope { node, epoch, frame } = envelope;
        let origin = OriginTag::of(&node, epoch);
        let Some(peer) = log.peer(&node) else { return };
        if peer.origin.is_some_and(|known| known != origin) {
            // Another start of it, before the carrier has noticed that the last one ended.
            *peer = Peer::default();
            outcome.woken |= self.gap_all(log, now, GapCause::NodeDied);
        }
        let Some(peer) = log.peer(&node) else { return };
        peer.origin = Some(origin);
        match frame {
            Frame::Beat { applied } => {
                let me = log.me();
                let Some(peer) = log.peer(&node) else { return };
                peer.applied = applied.into_iter().map(|(tag, stamp)| (tag.into(), stamp)).collect();
                let has = peer.applied.get(&me).copied().unwrap_or(0);
                peer.sent.get_or_insert(has);
                if planted(Plant::VectorJumpsAtBeat) {
                    let head = peer.applied.get(&origin).copied().unwrap_or(0);
                    log.decide(origin, head.max(log.applied().get(origin)));
                }
                log.ask_for_what_lacks(now, &mut outcome.send);
            }
            Frame::Need { origin, have } => {
                let origin = OriginTag::from(origin);
                if origin == log.me() {
                    let Some(peer) = log.peer(&node) else { return };
                    if !planted(Plant::NeedNotServed) {
                        peer.sent = Some(have);
                    }
                } else {
                    let frames = log.serve(origin, have).into_iter();
                    outcome.send.extend(frames.map(|data| Send { to: node.clone(), frame: Frame::Data(data) }));
                }
            }
            Frame::Data(data) => outcome.woken |= self.apply(log, now, data, &mut outcome.send),
            Frame::Leave { stamp } => {
                let whole = log.applied().covers(origin, stamp);
                if let Some(cluster) = &mut log.cluster {
                    cluster.peers.remove(&node);
                }
                if !whole {
                    outcome.woken |= self.gap_all(log, now, GapCause::NodeDied);
                }
            }
        }
    }

    /// Applies a range of an origin's messages, if everything before it is here. Says whether shards have something
    /// to do.
    fn apply(&self, log: &mut NodeLog, now: Now, data: Data, send: &mut Vec<Send>) -> bool {
        let origin = OriginTag::from(data.origin);
        let have = log.applied().get(origin);
        if origin == log.me() || data.to <= have || !is_sound(&data, now) {
            return false;
        }
        if data.from > have && !planted(Plant::HoleAppliedOver) {
            // A hole. Nothing behind it is kept: it comes again with what is missing.
            send.extend(log.cluster.as_mut().and_then(|cluster| cluster.ask(now, origin, have)));
            return false;
        }
        let mut woken = false;
        for (name, stamp) in data.lost.iter().filter(|(_, stamp)| *stamp > have) {
            let Some(topic) = self.topic(log, now, name) else { continue };
            woken |= gap(log, now, &topic, origin, *stamp);
        }
        if data.lost_elsewhere > have {
            for topic in all(log) {
                woken |= gap(log, now, &topic, origin, data.lost_elsewhere);
            }
            raise(&mut log.forgotten, origin, data.lost_elsewhere);
        }
        for entry in data.entries.into_iter().filter(|entry| entry.stamp > have) {
            let version = entry.version(origin);
            // A full node keeps to its limit: what it cannot take is gone with a topic of an unknown name, and told to
            // whoever resumes on one.
            let Some(topic) = self.topic(log, now, &entry.topic) else {
                tracing::warn!(topic = %entry.topic, "no room for a topic of another node");
                raise(&mut log.forgotten, origin, entry.stamp);
                continue;
            };
            let payload = entry.payload.map(|payload| Payload::trusted(&payload));
            let message = Message { version, stamp: entry.stamp, from: entry.from, id: entry.id, payload, gap: None };
            woken |= log.apply(now, &topic, message);
        }
        log.decide(origin, data.to);
        if let Some(cluster) = &mut log.cluster {
            cluster.answered(origin);
        }
        woken
    }

    /// Tells all readers of topics with messages that some may be missing.
    fn gap_all(&self, log: &mut NodeLog, now: Now, cause: GapCause) -> bool {
        let mut woken = false;
        for topic in all(log).into_iter().filter(|topic| topic.kind != TopicKind::State) {
            woken |= log.gap(now, &topic, cause);
        }
        woken
    }
}

/// Tells a topic's readers that messages of an origin are gone, and remembers it for cursors to come.
fn gap(log: &mut NodeLog, now: Now, topic: &Arc<Topic>, origin: OriginTag, stamp: u64) -> bool {
    if topic.kind == TopicKind::State {
        return false;
    }
    lock(&topic.ring).note_gone(origin, stamp);
    log.gap(now, topic, GapCause::Lost)
}

/// A record of what is gone only rises.
fn raise(gone: &mut Cursor, origin: OriginTag, stamp: u64) {
    gone.set(origin, stamp.max(gone.get(origin)));
}

/// All topics, by name.
fn all(log: &NodeLog) -> Vec<Arc<Topic>> {
    let mut topics: Vec<_> = log.topics.values().cloned().collect();
    topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    topics
}

/// Stamps ascend within the range, and no clock is further ahead than a day.
fn is_sound(data: &Data, now: Now) -> bool {
    let mut last = data.from;
    let ascends = data.entries.iter().all(|entry| {
        let above = entry.stamp > last && entry.stamp <= data.to;
        last = entry.stamp;
        above
    });
    let in_time = data.entries.iter().all(|entry| entry.clock >> 16 <= now.wall_ms + AHEAD_MS_MAX);
    if !(ascends && in_time) {
        tracing::warn!(origin = %OriginTag::from(data.origin), ascends, in_time, "a frame was refused");
    }
    ascends && in_time
}

impl NodeLog {
    fn peer(&mut self, node: &NodeName) -> Option<&mut Peer> {
        self.cluster.as_mut()?.peers.get_mut(node)
    }

    fn beat(&self) -> Frame {
        Frame::Beat { applied: self.applied().iter().map(|(origin, stamp)| (origin.into(), stamp)).collect() }
    }

    fn ask_for_what_lacks(&mut self, now: Now, send: &mut Vec<Send>) {
        let applied = self.applied().clone();
        let me = self.me();
        let Some(cluster) = &mut self.cluster else { return };
        for origin in cluster.lacking(|origin| if origin == me { u64::MAX } else { applied.get(origin) }) {
            send.extend(cluster.ask(now, origin, applied.get(origin)));
        }
    }

    /// What this node holds of an origin above a stamp, as frames.
    fn serve(&self, origin: OriginTag, have: u64) -> Vec<Data> {
        let to = self.applied().get(origin);
        if to <= have {
            return Vec::new();
        }
        let (entries, mut lost) = serve::from_rings(self.topics.values(), origin, have);
        if planted(Plant::RepairWithoutGaps) {
            lost.clear();
        }
        serve::frames(origin, have, to, entries.iter(), lost, self.forgotten.get(origin))
    }

    /// Sends every peer what this node has published and the peer was not sent.
    pub(crate) fn flush(&mut self) -> Vec<Send> {
        let (me, head) = (self.me(), self.head());
        let Some(cluster) = &self.cluster else { return Vec::new() };
        let mut sends = Vec::new();
        let behind = cluster.peers.iter().filter_map(|(node, peer)| Some((node, peer.sent?)));
        for (node, sent) in behind.filter(|(_, sent)| *sent < head) {
            let frames = match cluster.resend.above(sent) {
                Some(entries) => serve::frames(me, sent, head, entries, Vec::new(), 0),
                None => self.serve(me, sent),
            };
            sends.extend(frames.into_iter().map(|data| Send { to: node.clone(), frame: Frame::Data(data) }));
        }
        if let Some(cluster) = &mut self.cluster {
            for peer in cluster.peers.values_mut() {
                peer.sent = peer.sent.map(|_| head);
            }
        }
        sends
    }
}
