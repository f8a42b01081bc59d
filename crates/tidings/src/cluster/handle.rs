//! What a node does when something happens in its cluster.

use std::sync::Arc;

use tidings_wire::{NodeName, OriginTag, Pattern, TopicKind, TopicName, event::GapCause};

use super::{Data, Envelope, Event, Frame, FrameError, MemberState, Peer, Send, frame::WireEntry, gaps};
use crate::{
    hlc::AHEAD_MS_MAX,
    log::{Message, NodeLog, Now},
    mailbox::Hidden,
    plant::{Plant, planted},
    presence::Happened,
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
    /// What presence has to know of it: handled when the log's lock is free.
    presence: Vec<Happened>,
}

/// Why a frame that is a peer's own is not taken: its link ends.
#[derive(Debug)]
pub(super) enum Refusal {
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
    pub(super) fn reason(&self) -> String {
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
        let stops = matches!(event, Event::Stop | Event::Taken);
        match event {
            Event::Up(node) => {
                if let Some(cluster) = &mut log.cluster {
                    outcome.news = cluster.open(&node, now);
                }
                outcome.presence.push(Happened::Up(node));
            }
            Event::Down(node, reason) => {
                self.gone(&mut log, now, &node, MemberState::Down, Some(reason), &mut outcome);
            }
            Event::Received(envelope) => self.received(&mut log, now, envelope, &mut outcome),
            Event::Unreadable(node, error) if !error.is_of_another_version() => {
                if let Some(cluster) = &mut log.cluster {
                    cluster.damaged += u64::from(error == FrameError::Damaged);
                    cluster.refuse(&node, &error);
                }
            }
            Event::Misnamed(from, named) => {
                if let Some(cluster) = &mut log.cluster {
                    cluster.refuse(&from, &format_args!("it is in the name of {named}"));
                }
            }
            Event::Unreadable(node, error) => {
                self.gone(&mut log, now, &node, MemberState::Incompatible, Some(error.to_string()), &mut outcome);
            }
            Event::Tick => {
                let is_held = |pattern: &Pattern| self.patterns.is_held(pattern);
                log.tick(now, self.limits.cursor_age_s_max, is_held, &mut outcome);
            }
            Event::Flush => {}
            Event::Stop | Event::Taken => {
                if let Some(cluster) = &mut log.cluster {
                    cluster.taken = matches!(event, Event::Taken);
                    cluster.beat_all();
                }
                outcome.news = true;
            }
        }
        log.flush(now, &mut outcome.send);
        let leave = stops.then(|| Send { to: log.nodes_up(), frame: Frame::Leave { stamp: log.head() } });
        drop(log);
        self.tell_presences(now, &mut outcome);
        if let Some(leave) = leave {
            outcome.send.push(leave);
            outcome.presence.push(Happened::Alone);
            // What it would send now, it would send to nobody.
            self.presences.handle(&self.limits, now, std::mem::take(&mut outcome.presence), &mut Vec::new());
        }
        self.wake_waiting();
        outcome
    }

    /// Presence hears what happened. Who brings what is refused there is no peer any more.
    fn tell_presences(&self, now: Now, outcome: &mut Outcome) {
        let happened = std::mem::take(&mut outcome.presence);
        let (refused, has_caught_up) = self.presences.handle(&self.limits, now, happened, &mut outcome.send);
        outcome.news |= has_caught_up;
        for (node, refusal) in refused {
            let reason = Some(refusal.0.to_owned());
            self.gone(&mut self.log(), now, &node, MemberState::Incompatible, reason, outcome);
        }
        let gone = std::mem::take(&mut outcome.presence);
        if !gone.is_empty() {
            self.presences.handle(&self.limits, now, gone, &mut outcome.send);
        }
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
        outcome.presence.push(Happened::Down(node.clone()));
        if state == MemberState::Down {
            cluster.closed.remove(node);
            // A node that left, or is refused, stays what it is when the engine loses it too.
            if !known {
                return;
            }
        }
        if let Some(reason) = &reason {
            match state {
                MemberState::Incompatible => tracing::error!(%node, reason, "a node is incompatible and is not heard"),
                _ => tracing::warn!(%node, reason, "a node is down"),
            }
        }
        outcome.news |= cluster.members.set(node, state, reason, now.wall_ms);
        if peer.and_then(|peer| peer.origin).is_some() {
            outcome.woken |= log.gap_death(now);
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
            outcome.presence.push(Happened::Up(node.clone()));
        }
        if is_new && known.is_some() {
            outcome.woken |= log.gap_death(now);
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
                outcome.presence.push(Happened::Left(node));
                if !whole {
                    outcome.woken |= log.gap_death(now);
                }
            }
            Frame::Presence(word) => outcome.presence.push(Happened::Said(node, origin, word)),
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
            if !planted(Plant::PatternsNotTold) {
                self.hide_from_patterns(Hidden::Signals);
            }
        }
        if data.lost_elsewhere > have && !planted(Plant::PatternsNotTold) {
            self.hide_from_patterns(Hidden::Messages);
        }
        gaps::raise(&mut log.deleted, origin, data.deleted);
        for entry in data.entries.into_iter().filter(|entry| entry.stamp > have) {
            woken |= self.enter(log, now, origin, entry)?;
        }
        log.decide(origin, data.to);
        if let Some(cluster) = &mut log.cluster {
            cluster.answered(origin);
        }
        log.confirm(origin);
        Ok(woken)
    }

    /// Applies one message of an origin: everything before it is applied or decided.
    pub(super) fn enter(
        &self,
        log: &mut NodeLog,
        now: Now,
        origin: OriginTag,
        entry: WireEntry,
    ) -> Result<bool, Refusal> {
        if !is_in_time(entry.clock, now) {
            return Err(Refusal::Clock);
        }
        let version = entry.version(origin);
        let topic = self.remote_topic(log, now, &entry.topic).ok_or(Refusal::TooManyTopics)?;
        let mut woken = false;
        if log.is_retired(origin) && topic.kind != TopicKind::State {
            // Hours old, and in no cursor: readers that come from elsewhere may have it.
            woken |= log.gap(now, &topic, GapCause::Rewound, None);
        }
        let payload = entry.payload;
        let message = Message { version, stamp: entry.stamp, from: entry.from, id: entry.id, payload, gap: None };
        if !log.has_room_for_remote(&topic, &message) {
            return Err(Refusal::NoRoom);
        }
        woken |= match entry.author {
            Some((author, stamp)) => log.stand_in(now, &topic, author.into(), Message { stamp, ..message }),
            None => log.apply(now, &topic, message),
        };
        Ok(woken)
    }

    /// A message for this node alone.
    fn direct(&self, log: &mut NodeLog, now: Now, origin: OriginTag, entry: WireEntry) -> bool {
        let version = entry.version(origin);
        let Some(topic) = self.topic(log, now, &entry.topic) else { return false };
        if topic.kind != TopicKind::Signal || !is_in_time(entry.clock, now) {
            tracing::warn!(topic = %entry.topic, kind = %topic.kind, %origin, "a direct message is refused");
            return false;
        }
        let payload = entry.payload;
        let message = Message { version, stamp: 0, from: entry.from, id: entry.id, payload, gap: None };
        log.enter_and_append(now, &topic, message)
    }

    /// Finds or makes a topic for another node's message: up to twice the limit, for what others have taken must not be
    /// refused lightly.
    fn remote_topic(&self, log: &mut NodeLog, now: Now, name: &TopicName) -> Option<Arc<Topic>> {
        self.topic_within(log, now, name, 2 * self.limits.topics_max)
    }
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
    if data.entries.iter().all(|entry| is_in_time(entry.clock, now)) { Ok(()) } else { Err(Refusal::Clock) }
}

/// Whether a clock is no further ahead than clocks can be wrong.
fn is_in_time(clock: u64, now: Now) -> bool {
    clock >> 16 <= now.wall_ms + AHEAD_MS_MAX
}

impl NodeLog {
    pub(super) fn peer(&mut self, node: &NodeName) -> Option<&mut Peer> {
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
}
