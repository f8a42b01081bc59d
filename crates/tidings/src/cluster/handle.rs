//! What a node does when something happens in its cluster.

use std::sync::Arc;

use tidings_wire::{NodeName, OriginTag, Pattern, TopicKind, TopicName, event::GapCause};

use super::{Beat, Data, Envelope, Event, Frame, Holds, MemberState, Peer, Send, frame::WireEntry, serve};
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
    /// A node came or went, or told that it has applied more.
    pub(crate) news: bool,
}

/// Why a frame that is a peer's own is not taken: its link ends.
#[derive(Debug)]
enum Refusal {
    /// Its stamps do not ascend within its range.
    Disorder,
    /// Its clock is more than a day ahead.
    Clock,
    /// It brings more topics than twice this node's limit.
    TooManyTopics,
    /// It brings more State than twice what this node may hold.
    NoRoom,
}

impl Refusal {
    fn reason(&self) -> String {
        match self {
            Self::Disorder => "its frame's stamps are not in order: run one build of the library on all nodes".into(),
            Self::Clock => "its clock is more than a day ahead: set the clocks of both nodes".into(),
            Self::NoRoom => "it brings more State than twice `bytes_max`: raise that on this node".into(),
            Self::TooManyTopics => "it brings more than twice `topics_max` topics: raise that on this node".into(),
        }
    }
}

impl Shared {
    /// Handles one event of the cluster.
    pub(crate) fn handle(&self, event: Event) -> Outcome {
        let now = self.now();
        let mut log = self.log();
        let mut outcome = Outcome::default();
        if log.cluster.is_none() {
            return outcome;
        }
        let stops = matches!(event, Event::Stop);
        match event {
            Event::Up(node) => {
                if let Some(cluster) = &mut log.cluster {
                    outcome.news = cluster.open(&node, now);
                }
            }
            Event::Down(node) => self.gone(&mut log, now, &node, MemberState::Down, None, &mut outcome),
            Event::Received(envelope) => self.received(&mut log, now, envelope, &mut outcome),
            Event::Unreadable(node, error) => {
                self.gone(&mut log, now, &node, MemberState::Incompatible, Some(error.to_string()), &mut outcome);
            }
            Event::Tick => {
                let is_held = |pattern: &Pattern| self.patterns.is_held(pattern);
                log.tick(now, self.limits.cursor_age_s_max, is_held, &mut outcome);
            }
            Event::Flush => {}
            Event::Stop => {
                if let Some(cluster) = &mut log.cluster {
                    cluster.beat_all();
                }
            }
        }
        log.flush(now, &mut outcome.send);
        if stops {
            let (to, stamp) = (log.nodes_up(), log.head());
            outcome.send.push(Send { to, frame: Frame::Leave { stamp } });
        }
        drop(log);
        self.wake_waiting();
        outcome
    }

    /// A peer is no more one. What it published last may be lost; readers are told, unless all of it is here.
    fn gone(
        &self,
        log: &mut NodeLog,
        now: Now,
        node: &NodeName,
        state: MemberState,
        reason: Option<String>,
        outcome: &mut Outcome,
    ) {
        let Some(cluster) = &mut log.cluster else { return };
        let known = cluster.peers.contains_key(node);
        let peer = cluster.close(node);
        if state == MemberState::Down {
            cluster.closed.remove(node);
            // A node that left, or is refused, stays what it is when the engine loses it too.
            if !known {
                return;
            }
        }
        if let Some(reason) = &reason {
            tracing::error!(%node, reason, "a node is incompatible and is not heard");
        }
        outcome.news |= cluster.members.set(node, state, reason, now.wall_ms);
        if peer.and_then(|peer| peer.origin).is_some() {
            outcome.woken |= gap_all(log, now, GapCause::NodeDied);
        }
    }

    fn received(&self, log: &mut NodeLog, now: Now, envelope: Envelope, outcome: &mut Outcome) {
        let Envelope { node, epoch, frame } = envelope;
        let origin = OriginTag::of(&node, epoch);
        let Some(cluster) = log.cluster.as_mut().filter(|cluster| !cluster.is_closed(&node, origin)) else { return };
        let known = cluster.peers.get(&node).map(|peer| peer.origin);
        let is_closed = cluster.closed.contains_key(&node);
        // Another start of it, before the carrier has noticed that the last one ended.
        let is_new = known.map_or(is_closed, |known| known.is_some_and(|known| known != origin));
        if known.is_none() && !is_new {
            return;
        }
        if is_new {
            outcome.news |= cluster.open(&node, now);
        }
        if is_new && known.is_some() {
            outcome.woken |= gap_all(log, now, GapCause::NodeDied);
        }
        log.heard(&node, epoch, origin);
        match frame {
            Frame::Beat(beat) => {
                log.heard_beat(now, self.limits.cursor_age_s_max, &node, origin, beat, outcome);
            }
            Frame::Need { origin: of, have } => log.need(now, &node, of.into(), have, &mut outcome.send),
            Frame::Data(data) => match self.apply(log, now, &node, origin, data, &mut outcome.send) {
                Ok(woken) => {
                    outcome.woken |= woken;
                    outcome.news = true;
                }
                Err(refusal) => {
                    self.gone(log, now, &node, MemberState::Incompatible, Some(refusal.reason()), outcome);
                }
            },
            Frame::Confirm { stamp } => {
                if let Some(peer) = log.peer(&node) {
                    peer.confirm = Some(stamp);
                }
                log.confirm(origin);
            }
            Frame::Direct(entry) => outcome.woken |= self.direct(log, now, origin, entry),
            Frame::Holds(holds) => outcome.woken |= log.listed(now, &node, &holds),
            Frame::Leave { stamp } => {
                let whole = log.has(origin) >= stamp;
                if let Some(cluster) = &mut log.cluster {
                    cluster.close(&node);
                    outcome.news |= cluster.members.set(&node, MemberState::Left, None, now.wall_ms);
                }
                if !whole {
                    outcome.woken |= gap_all(log, now, GapCause::NodeDied);
                }
            }
        }
    }

    /// Applies a range of an origin's messages, if everything before it is here. Says whether shards have something
    /// to do.
    fn apply(
        &self,
        log: &mut NodeLog,
        now: Now,
        from: &NodeName,
        sender: OriginTag,
        data: Data,
        send: &mut Vec<Send>,
    ) -> Result<bool, Refusal> {
        let origin = OriginTag::from(data.origin);
        let have = log.has(origin);
        if origin == log.me() || data.to <= have {
            return Ok(false);
        }
        check(&data, now)?;
        let hole = data.from > have && !planted(Plant::HoleAppliedOver);
        if hole || (data.deleted > have && !log.has_listed(from, origin, data.deleted)) {
            // Nothing behind a hole is kept: it comes again with what is missing. So does what needs a list first.
            send.extend(log.cluster.as_mut().and_then(|cluster| cluster.ask(now, origin, have)));
            return Ok(false);
        }
        let mut woken = log.gap_lost(now, origin, have, &data, |log, name| self.topic(log, now, name));
        if sender != origin && !planted(Plant::PullHidesSignals) {
            woken |= log.gap_signals(now, origin, data.to);
        }
        raise(&mut log.deleted, origin, data.deleted);
        let late = log.is_retired(origin);
        for entry in data.entries.into_iter().filter(|entry| entry.stamp > have) {
            let version = entry.version(origin);
            let topic = self.remote_topic(log, now, &entry.topic).ok_or(Refusal::TooManyTopics)?;
            if late && topic.kind != TopicKind::State {
                // Hours old, and in no cursor: readers that come from elsewhere may have it.
                woken |= log.gap(now, &topic, GapCause::Rewound, None);
            }
            let payload = entry.payload.map(|payload| Payload::trusted(&payload));
            let message = Message { version, stamp: entry.stamp, from: entry.from, id: entry.id, payload, gap: None };
            if !log.has_room_for_remote(&topic, &message) {
                return Err(Refusal::NoRoom);
            }
            woken |= match entry.author {
                Some((author, stamp)) => log.stand_in(now, &topic, author.into(), Message { stamp, ..message }),
                None => log.apply(now, &topic, message),
            };
        }
        log.decide(origin, data.to);
        if let Some(cluster) = &mut log.cluster {
            cluster.answered(origin);
        }
        log.confirm(origin);
        Ok(woken)
    }

    /// A message for this node alone.
    fn direct(&self, log: &mut NodeLog, now: Now, origin: OriginTag, entry: WireEntry) -> bool {
        let version = entry.version(origin);
        let Some(topic) = self.topic(log, now, &entry.topic) else { return false };
        if topic.kind != TopicKind::Signal || version.ms() > now.wall_ms + AHEAD_MS_MAX {
            tracing::warn!(topic = %entry.topic, kind = %topic.kind, %origin, "a direct message is refused");
            return false;
        }
        let payload = entry.payload.map(|payload| Payload::trusted(&payload));
        let message = Message { version, stamp: 0, from: entry.from, id: entry.id, payload, gap: None };
        log.enter_and_append(now, &topic, message)
    }

    /// Finds or makes a topic for another node's message: up to twice the limit, for what others have taken must not be
    /// refused lightly.
    fn remote_topic(&self, log: &mut NodeLog, now: Now, name: &TopicName) -> Option<Arc<Topic>> {
        self.topic_within(log, now, name, 2 * self.limits.topics_max)
    }
}

/// Tells all readers of topics with messages that some may be missing.
fn gap_all(log: &mut NodeLog, now: Now, cause: GapCause) -> bool {
    let mut woken = false;
    for topic in all(log).into_iter().filter(|topic| topic.kind != TopicKind::State) {
        woken |= log.gap(now, &topic, cause, None);
    }
    woken
}

/// A record of what is gone only rises.
fn raise(gone: &mut tidings_wire::Cursor, origin: OriginTag, stamp: u64) {
    if gone.get(origin) < stamp {
        gone.set(origin, stamp);
    }
}

/// All topics, by name.
fn all(log: &NodeLog) -> Vec<Arc<Topic>> {
    let mut topics: Vec<_> = log.topics.values().cloned().collect();
    topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    topics
}

/// Stamps ascend within the range, and no clock is further ahead than a day.
fn check(data: &Data, now: Now) -> Result<(), Refusal> {
    let mut last = data.from;
    let ascends = data.entries.iter().all(|entry| {
        let above = entry.stamp > last && entry.stamp <= data.to;
        last = entry.stamp;
        above
    });
    if !ascends {
        return Err(Refusal::Disorder);
    }
    let in_time = data.entries.iter().all(|entry| entry.clock >> 16 <= now.wall_ms + AHEAD_MS_MAX);
    if in_time { Ok(()) } else { Err(Refusal::Clock) }
}

/// What a peer has told to have applied.
fn peer_applied(cluster: &Option<super::Cluster>, node: &NodeName) -> Vec<(OriginTag, u64)> {
    let peer = cluster.as_ref().and_then(|cluster| cluster.peers.get(node));
    peer.iter().flat_map(|peer| &peer.applied).map(|(origin, stamp)| (*origin, *stamp)).collect()
}

impl NodeLog {
    fn peer(&mut self, node: &NodeName) -> Option<&mut Peer> {
        self.cluster.as_mut()?.peers.get_mut(node)
    }

    fn nodes_up(&self) -> Vec<NodeName> {
        self.cluster.iter().flat_map(|cluster| cluster.peers.keys().cloned()).collect()
    }

    fn tick(&mut self, now: Now, cursor_age_s: u64, is_held: impl Fn(&Pattern) -> bool, outcome: &mut Outcome) {
        let Some(cluster) = &mut self.cluster else { return };
        if cluster.beat_is_due(now) {
            cluster.needs.sweep(now.monotonic_ms, is_held);
            cluster.beat_all();
            self.retire(now, cursor_age_s);
        }
        let lacks = self.ask_for_what_lacks(now, &mut outcome.send);
        if !lacks {
            outcome.woken |= self.adopt(now);
        }
    }

    /// A frame of this start of a node has come.
    fn heard(&mut self, node: &NodeName, epoch: u64, origin: OriginTag) {
        let Some(cluster) = &mut self.cluster else { return };
        cluster.members.heard(node, epoch);
        if let Some(peer) = cluster.peers.get_mut(node) {
            peer.origin = Some(origin);
        }
        let back = cluster.origins.is_back(origin);
        if let Some(has) = back {
            self.decide(origin, has);
        }
    }

    fn heard_beat(
        &mut self,
        now: Now,
        cursor_age_s: u64,
        node: &NodeName,
        origin: OriginTag,
        beat: Beat,
        outcome: &mut Outcome,
    ) {
        let me = self.me();
        let applied = beat.applied.iter().chain(&beat.retired).map(|(tag, stamp)| (OriginTag::from(*tag), *stamp));
        for (origin, _) in beat.retired.iter().map(|(tag, stamp)| (OriginTag::from(*tag), *stamp)) {
            self.unlisted_elsewhere(origin, now.wall_s() + cursor_age_s);
        }
        for (tag, _) in &beat.applied {
            let dead_ms = beat.dead.iter().find(|(dead, _)| dead == tag).map_or(0, |(_, dead_ms)| *dead_ms);
            self.told_dead(now, cursor_age_s, (*tag).into(), dead_ms);
        }
        let Some(cluster) = &mut self.cluster else { return };
        let Some(peer) = cluster.peers.get_mut(node) else { return };
        let had = peer.has(me);
        for (origin, stamp) in applied {
            let has = peer.applied.entry(origin).or_default();
            *has = stamp.max(*has);
        }
        // Somebody may wait for it, or for what was told first.
        outcome.news |= peer.has(me) > had || peer.interest.is_none();
        if let Some(wants) = beat.wants
            && peer.interest.as_ref().is_none_or(|known| known.version < wants.version)
        {
            // From what it has, on a new link; from what it was sent last, on one that stands: what lies above is
            // filtered by this.
            let has = peer.has(me);
            peer.filtered_from = *peer.sent.get_or_insert(has);
            peer.interest = Some(wants);
            cluster.beat_to.insert(node.clone());
        }
        let Some(peer) = cluster.peers.get_mut(node) else { return };
        if let Some((version, stamp)) = beat.heard
            && peer.heard != Some(version)
        {
            cluster.needs.answered(origin, version, stamp);
        }
        peer.heard = beat.heard.map(|(version, _)| version);
        if planted(Plant::VectorJumpsAtBeat) {
            let head = peer.has(origin);
            self.decide(origin, head.max(self.has(origin)));
        }
        // Of what this peer has; a tick looks at all of them.
        let told: Vec<_> = peer_applied(&self.cluster, node);
        for (origin, stamp) in told {
            let have = self.has(origin);
            if origin != me && stamp > have {
                outcome.send.extend(self.cluster.as_mut().and_then(|cluster| cluster.ask(now, origin, have)));
            }
        }
    }

    /// A peer asks for what an origin published above a stamp.
    fn need(&mut self, now: Now, node: &NodeName, origin: OriginTag, have: u64, send: &mut Vec<Send>) {
        if origin != self.me() {
            self.serve(now, node, origin, have, send);
        } else if let Some(peer) = self.peer(node).filter(|_| !planted(Plant::NeedNotServed)) {
            peer.sent = Some(have);
            // The answer decides the whole range, also where the peer needs nothing of it.
            if let Some(cluster) = &mut self.cluster {
                cluster.beat_to.insert(node.clone());
            }
        }
    }

    /// Sends what this node holds of another origin above a stamp.
    fn serve(&self, now: Now, node: &NodeName, origin: OriginTag, have: u64, send: &mut Vec<Send>) {
        let to = self.has(origin);
        if to <= have {
            return;
        }
        let (entries, gone) = self.walk_rings(now, origin, have, to);
        if gone.deletions > have {
            send.push(Send::one(node.clone(), Frame::Holds(self.holds())));
        }
        let frames = serve::frames(origin, have, to, entries.into_iter(), gone).into_iter();
        send.extend(frames.map(|data| Send::one(node.clone(), Frame::Data(data))));
    }

    /// Says whether there is anything that some peer has and this node has not.
    fn ask_for_what_lacks(&mut self, now: Now, send: &mut Vec<Send>) -> bool {
        let me = self.me();
        let Some(cluster) = &self.cluster else { return false };
        let lacking = cluster.lacking(|origin| if origin == me { u64::MAX } else { self.has(origin) });
        for origin in &lacking {
            let have = self.has(*origin);
            send.extend(self.cluster.as_mut().and_then(|cluster| cluster.ask(now, *origin, have)));
        }
        !lacking.is_empty()
    }

    /// Tells the peers that wait for it that what they published is applied here.
    fn confirm(&mut self, origin: OriginTag) {
        let has = self.has(origin);
        let Some(cluster) = &mut self.cluster else { return };
        for (node, peer) in &mut cluster.peers {
            if peer.origin == Some(origin) && peer.confirm.is_some_and(|stamp| stamp <= has) {
                peer.confirm = None;
                cluster.beat_to.insert(node.clone());
            }
        }
    }

    /// Gaps the topics of which the sender of a range has let go, before the range is applied.
    fn gap_lost(
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
            for topic in all(self) {
                woken |= self.gap_one(now, &topic, origin, data.lost_elsewhere);
            }
            raise(&mut self.forgotten, origin, data.lost_elsewhere);
        }
        woken
    }

    /// What came from another node than its origin lacks what that node had not asked for.
    fn gap_signals(&mut self, now: Now, origin: OriginTag, stamp: u64) -> bool {
        let mut woken = false;
        for topic in all(self).into_iter().filter(|topic| topic.kind == TopicKind::Signal) {
            woken |= self.gap_one(now, &topic, origin, stamp);
        }
        raise(&mut self.signals_gone, origin, stamp);
        woken
    }

    /// Tells a topic's readers that messages of an origin are gone, and remembers it for cursors to come.
    fn gap_one(&mut self, now: Now, topic: &Arc<Topic>, origin: OriginTag, stamp: u64) -> bool {
        if topic.kind == TopicKind::State {
            return false;
        }
        lock(&topic.ring).note_gone(origin, stamp);
        self.gap(now, topic, GapCause::Lost, Some((origin, stamp)))
    }

    /// A peer has listed the State topics that it holds.
    fn listed(&mut self, now: Now, node: &NodeName, holds: &Holds) -> bool {
        let Some(peer) = self.peer(node) else { return false };
        peer.listed = holds.applied.iter().map(|(tag, stamp)| (OriginTag::from(*tag), *stamp)).collect();
        self.delete_unlisted(now, holds)
    }

    /// Whether a peer has listed its State topics after it applied that much of an origin.
    fn has_listed(&mut self, node: &NodeName, origin: OriginTag, stamp: u64) -> bool {
        self.peer(node).is_some_and(|peer| peer.listed.get(&origin).is_some_and(|listed| *listed >= stamp))
    }
}
