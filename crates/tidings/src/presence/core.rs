//! Presence without IO: it takes events and the time, and gives back what is to be sent.

use std::collections::{BTreeMap, BTreeSet};

use tidings_wire::{NodeName, OriginTag};

use super::{
    Changes, Happened, Id, PresenceError, State, Word,
    copy::{Copy, Fit},
    digest,
    own::Own,
    table::Table,
};
use crate::{
    Limits, Payload,
    cluster::{BEAT_MS, Frame, REPAIR_MS, Send},
    log::Now,
    plant::{Plant, planted},
    snapshot::PresenceInfo,
};

/// For how long heads go out with every beat after the last change, in milliseconds: ten of them, of which one arrives.
const BUSY_MS: u64 = 1_000;

/// How often a head goes out when nothing changes.
const QUIET_MS: u64 = 1_000;

/// Frames for one peer at a time. The rest of a long list goes with the next ticks, so that it is never in the way of
/// what else is sent: 200,000 entries a second all the same.
const FRAMES_MAX: usize = 8;

/// A node that is up.
#[derive(Debug, Default)]
struct Link {
    /// Which start of it, from its first frame.
    origin: Option<OriginTag>,
    /// Of this node's log: what has been sent to it. `None` until it has asked.
    sent: Option<u64>,
    /// This node's head when the list began that it is reading, or 0.
    listing: u64,
}

/// What came is not taken: its sender is no peer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) &'static str);

/// All that a node knows of presences.
#[derive(Debug)]
pub(crate) struct Core {
    me: OriginTag,
    pub(crate) own: Own,
    /// What other nodes have told, by their start.
    copies: BTreeMap<OriginTag, Copy>,
    links: BTreeMap<NodeName, Link>,
    pub(crate) table: Table,
    /// Nodes that are told this node's head with the next flush.
    head_to: BTreeSet<NodeName>,
    /// The head when it was last looked at, and when it last was another.
    changed: (u64, u64),
    /// When the head went out last.
    head_ms: u64,
    /// How often a node's entries were not what it said they are: never, unless a carrier reorders.
    pub(crate) differed: u64,
    /// When something happens by itself next; `u64::MAX` for never. Too early does no harm.
    pub(crate) alarm_ms: u64,
}

impl Core {
    pub(crate) fn new(me: OriginTag, limits: &Limits) -> Self {
        let (copies, links, head_to, changed, head_ms, differed) = Default::default();
        let own = Own::new(limits.presence_gone_max);
        let table = Table::new(limits.presence_changes_max);
        Self { me, own, copies, links, table, head_to, changed, head_ms, differed, alarm_ms: u64::MAX }
    }

    /// Tracks an entry, or gives it to another handle; the handle's number.
    pub(crate) fn track(
        &mut self,
        limits: &Limits,
        now: Now,
        id: &Id,
        meta: Payload,
        how: How,
    ) -> Result<u64, PresenceError> {
        check_meta(limits, &meta)?;
        let (bytes, max) = (id.key.len(), limits.id_bytes_max);
        if bytes > max {
            return Err(PresenceError::KeyTooLong { bytes, max });
        }
        match self.own.get(id) {
            Some(owned) if !owned.state.is_fading && !how.takes_over => {
                return Err(PresenceError::AlreadyTracked { topic: id.topic.clone(), key: (&*id.key).into() });
            }
            Some(_) => {}
            None => self.check_room(limits, id)?,
        }
        let handle = self.own.next_handle();
        let version = self.next_version(now, id);
        self.set_own(now, id, handle, State { version, may_return: how.may_return, is_fading: false, meta }, None);
        Ok(handle)
    }

    fn check_room(&self, limits: &Limits, id: &Id) -> Result<(), PresenceError> {
        let max = limits.page_presences_max;
        if self.own.of(id.reference).take(max).count() >= max {
            return Err(PresenceError::TooManyOfPage { max });
        }
        // One that is here already from another node takes no room.
        if !self.table.holds(id).is_empty() {
            return Ok(());
        }
        let max = limits.presences_max;
        if self.table.len() >= max {
            return Err(PresenceError::TooMany { max });
        }
        let max = limits.topic_presences_max;
        if self.table.room(&id.topic).is_some_and(|room| room.len() >= max) {
            return Err(PresenceError::TooManyOfTopic { topic: id.topic.clone(), max });
        }
        Ok(())
    }

    /// Above what is known of an entry, and by the clock: its page was elsewhere, and that may not have come here.
    fn next_version(&self, now: Now, id: &Id) -> u64 {
        let known = self.table.holds(id).iter().map(|hold| hold.state.version).max().unwrap_or(0);
        (now.wall_ms << 16).max(known.saturating_add(1))
    }

    fn set_own(&mut self, now: Now, id: &Id, handle: u64, state: State, fades_ms: Option<u64>) {
        self.own.set(id, handle, state.clone(), fades_ms);
        self.table.hold(now.monotonic_ms, id, self.me, state);
        self.alarm_ms = fades_ms.unwrap_or(u64::MAX).min(self.alarm_ms);
        self.look_at_due();
    }

    fn remove_own(&mut self, now_ms: u64, id: &Id) -> bool {
        let was_there = self.own.remove(id);
        if was_there {
            self.table.let_go(now_ms, id, self.me);
            self.look_at_due();
        }
        was_there
    }

    fn look_at_due(&mut self) {
        self.alarm_ms = self.table.next_due_ms.unwrap_or(u64::MAX).min(self.alarm_ms);
    }

    /// Another meta of an entry that this handle holds.
    pub(crate) fn update(
        &mut self,
        limits: &Limits,
        now: Now,
        id: &Id,
        handle: u64,
        meta: Payload,
    ) -> Result<(), PresenceError> {
        check_meta(limits, &meta)?;
        let owned = self.own.get(id).filter(|owned| owned.handle == handle);
        let not_present = || PresenceError::NotPresent { topic: id.topic.clone(), key: (&*id.key).into() };
        let state = owned.ok_or_else(not_present)?.state.clone();
        if state.meta != meta {
            let version = self.next_version(now, id);
            self.set_own(now, id, handle, State { version, meta, ..state }, None);
        }
        Ok(())
    }

    /// A handle is dropped. Who may come back has its grace.
    pub(crate) fn dropped(&mut self, limits: &Limits, now: Now, id: &Id, handle: u64) {
        let Some(owned) = self.own.get(id).filter(|owned| owned.handle == handle) else { return };
        if !owned.state.may_return {
            self.remove_own(now.monotonic_ms, id);
            return;
        }
        let state = State { is_fading: true, ..owned.state.clone() };
        let grace_ms = if planted(Plant::GraceIgnored) { 0 } else { limits.presence_grace_ms };
        self.set_own(now, id, handle, state, Some(now.monotonic_ms + grace_ms));
    }

    /// An entry leaves at once, whoever holds it, or only where this handle does. Says whether it was there.
    pub(crate) fn untrack(&mut self, now: Now, id: &Id, handle: Option<u64>) -> bool {
        let is_held = self.own.get(id).is_some_and(|owned| handle.is_none_or(|handle| owned.handle == handle));
        is_held && self.remove_own(now.monotonic_ms, id)
    }

    /// Graces and pauses that are over.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        if now_ms < self.alarm_ms {
            return;
        }
        while let Some(id) = self.own.faded(now_ms) {
            self.remove_own(now_ms, &id);
        }
        let over = |(_, copy): &(&OriginTag, &Copy)| copy.orphan_until_ms.is_some_and(|until| until <= now_ms);
        let over: Vec<_> = self.copies.iter().filter(over).map(|(origin, _)| *origin).collect();
        for origin in over {
            let copy = self.copies.remove(&origin).filter(|_| !planted(Plant::GhostsStay));
            for id in copy.iter().flat_map(Copy::ids) {
                self.table.change(now_ms, id, |holds| {
                    holds.retain(|hold| hold.origin != origin && !planted(Plant::LeavesThoughBack));
                });
            }
        }
        self.table.wake_due(now_ms);
        let orphans = self.copies.values().filter_map(|copy| copy.orphan_until_ms);
        let next = orphans.chain(self.own.next_fade_ms()).chain(self.table.next_due_ms).min();
        self.alarm_ms = next.unwrap_or(u64::MAX);
    }

    /// Something happened in the cluster.
    pub(crate) fn happened(
        &mut self,
        limits: &Limits,
        now: Now,
        happened: Happened,
        send: &mut Vec<Send>,
    ) -> Result<(), Refusal> {
        match happened {
            Happened::Up(node) => {
                // Maybe another start of it: if it is the same, its first frame says so.
                if let Some(link) = self.links.insert(node.clone(), Link::default()) {
                    self.orphan(limits, now, link.origin);
                }
                self.head_to.insert(node);
            }
            Happened::Down(node) => self.lost(limits, now, &node),
            Happened::Left(node) => self.left(limits, now, &node),
            Happened::Alone => {
                for node in self.links.keys().cloned().collect::<Vec<_>>() {
                    self.lost(limits, now, &node);
                }
            }
            Happened::Said(node, origin, word) => return self.said(limits, now, &node, origin, word, send),
        }
        Ok(())
    }

    fn lost(&mut self, limits: &Limits, now: Now, node: &NodeName) {
        self.head_to.remove(node);
        if let Some(link) = self.links.remove(node) {
            self.orphan(limits, now, link.origin);
        }
    }

    /// A node stops in order. What it held for itself goes with it, and its pages have their grace.
    fn left(&mut self, limits: &Limits, now: Now, node: &NodeName) {
        let origin = self.links.get(node).and_then(|link| link.origin);
        if let Some(origin) = origin
            && let Some(copy) = self.copies.get_mut(&origin)
        {
            let table = &mut self.table;
            let stays = |id: &Id| table.holds(id).iter().any(|hold| hold.origin == origin && hold.state.may_return);
            let go: Vec<Id> = copy.ids().filter(|id| !stays(id)).cloned().collect();
            for id in go {
                copy.remove(&id);
                table.let_go(now.monotonic_ms, &id, origin);
            }
        }
        self.lost(limits, now, node);
        self.look_at_due();
    }

    /// A start of a node cannot be reached: its entries leave after the grace, unless it can be reached again by then.
    fn orphan(&mut self, limits: &Limits, now: Now, origin: Option<OriginTag>) {
        let Some((origin, copy)) = origin.and_then(|origin| Some((origin, self.copies.get_mut(&origin)?))) else {
            return;
        };
        if copy.orphan_until_ms.is_none() {
            let grace_ms = if planted(Plant::GraceIgnored) { 0 } else { limits.presence_grace_ms };
            let until_ms = now.monotonic_ms + grace_ms;
            copy.orphan_until_ms = Some(until_ms);
            self.alarm_ms = self.alarm_ms.min(until_ms);
            copy.ids().for_each(|id| self.table.set_orphan(now.monotonic_ms, id, origin, true));
            self.look_at_due();
        }
    }

    fn said(
        &mut self,
        limits: &Limits,
        now: Now,
        node: &NodeName,
        origin: OriginTag,
        word: Word,
        send: &mut Vec<Send>,
    ) -> Result<(), Refusal> {
        let Some(link) = self.links.get_mut(node) else { return Ok(()) };
        let last = link.origin.replace(origin);
        let is_first = last != Some(origin);
        if is_first {
            (link.sent, link.listing) = (None, 0);
            self.orphan(limits, now, last);
        }
        let copy = self.copies.entry(origin).or_default();
        let have = copy.position;
        if copy.orphan_until_ms.take().is_some() {
            copy.ids().for_each(|id| self.table.set_orphan(now.monotonic_ms, id, origin, false));
        }
        if is_first {
            // Also where nothing is missing, and where it was asked on its last link: who is not asked sends nothing.
            copy.asked_until_ms = 0;
            self.ask(now, node, origin, have, send);
        }
        self.look_at_due();
        match word {
            Word::Head { head, digest } => self.heard_head(now, node, origin, (head, digest), send),
            Word::Need { have, listing } => {
                if let Some(link) = self.links.get_mut(node) {
                    (link.sent, link.listing) = (Some(have), listing);
                }
            }
            Word::Changes(changes) => return self.heard_changes(limits, now, node, origin, changes, send),
        }
        Ok(())
    }

    /// A node tells how far its log has come: so the loss of a last change is found.
    fn heard_head(
        &mut self,
        now: Now,
        node: &NodeName,
        origin: OriginTag,
        (head, digest): (u64, u64),
        send: &mut Vec<Send>,
    ) {
        let Some(copy) = self.copies.get_mut(&origin) else { return };
        copy.tell(head);
        let have = copy.position;
        let differs = have == head && copy.digest != digest;
        if have < head && !planted(Plant::HeadNotBelieved) {
            self.ask(now, node, origin, have, send);
        } else if differs {
            self.differed += 1;
            tracing::warn!(%node, head, "a node's presences differ from what it has told, and are listed anew");
            self.ask(now, node, origin, 0, send);
        }
    }

    fn ask(&mut self, now: Now, node: &NodeName, origin: OriginTag, have: u64, send: &mut Vec<Send>) {
        let Some(copy) = self.copies.get_mut(&origin) else { return };
        if copy.asked_until_ms <= now.monotonic_ms {
            copy.asked_until_ms = now.monotonic_ms + REPAIR_MS;
            let listing = if have == 0 { 0 } else { copy.listing };
            send.push(Send::one(node.clone(), Frame::Presence(Word::Need { have, listing })));
        }
    }

    fn heard_changes(
        &mut self,
        limits: &Limits,
        now: Now,
        node: &NodeName,
        origin: OriginTag,
        frame: Changes,
        send: &mut Vec<Send>,
    ) -> Result<(), Refusal> {
        self.check(limits, &frame)?;
        let Some(copy) = self.copies.get_mut(&origin) else { return Ok(()) };
        copy.tell(frame.head);
        match copy.fit(&frame) {
            Fit::Old => return Ok(()),
            Fit::Hole(have) if !planted(Plant::PresenceHoleAppliedOver) => {
                self.ask(now, node, origin, have, send);
                return Ok(());
            }
            Fit::Next | Fit::Hole(_) => {}
        }
        if frame.from == 0 {
            copy.begin_list(frame.head);
        }
        let (table, now_ms) = (&mut self.table, now.monotonic_ms);
        for change in frame.changes {
            match change.into_parts() {
                (Id { reference, topic, key }, Some(state)) => {
                    let id = Id { reference, topic: table.share(topic), key };
                    copy.enter(id.clone(), digest(&id, &state));
                    table.hold(now_ms, &id, origin, state);
                }
                (id, None) => {
                    if copy.remove(&id) {
                        table.let_go(now_ms, &id, origin);
                    }
                }
            }
        }
        for id in copy.advance(frame.to, frame.head) {
            if !planted(Plant::UnlistedStay) {
                copy.remove(&id);
                table.let_go(now_ms, &id, origin);
            }
        }
        self.look_at_due();
        Ok(())
    }

    /// A peer may be configured for somewhat more than this node, and for no more than twice as much.
    fn check(&self, limits: &Limits, frame: &Changes) -> Result<(), Refusal> {
        let Changes { changes, .. } = frame;
        if changes.iter().any(|change| change.meta_bytes() > 2 * limits.presence_meta_bytes_max) {
            return Err(Refusal("a presence's meta has more than twice `presence_meta_bytes_max`: raise that here"));
        }
        if changes.iter().any(|change| change.key_bytes() > 2 * limits.id_bytes_max) {
            return Err(Refusal("a presence's key has more than twice `id_bytes_max`: raise that here"));
        }
        if self.table.len() + changes.len() > 2 * limits.presences_max {
            return Err(Refusal("it brings more than twice `presences_max` entries: raise that on this node"));
        }
        Ok(())
    }

    pub(crate) fn info(&self, limits: &Limits) -> PresenceInfo {
        let (entries, topics) = (self.table.len(), self.table.topics());
        let (own, differed, entries_max) = (self.own.len(), self.differed, limits.presences_max);
        PresenceInfo { entries, entries_max, own, topics, differed }
    }

    /// Whether this node has the lists of all nodes that are up, as far as they have told.
    pub(crate) fn has_caught_up(&self) -> bool {
        self.links.values().all(|link| {
            let copy = link.origin.and_then(|origin| self.copies.get(&origin));
            copy.is_some_and(Copy::has_caught_up)
        })
    }

    /// Sends every peer what has changed, and after it the head where that is due.
    pub(crate) fn flush(&mut self, now: Now, send: &mut Vec<Send>) {
        let (now_ms, head) = (now.monotonic_ms, self.own.head);
        let mut alike: BTreeMap<(u64, u64), Vec<NodeName>> = BTreeMap::new();
        for (node, link) in &mut self.links {
            let Some(sent) = link.sent.filter(|sent| *sent < head) else { continue };
            // What has gone below the floor is in no log any more: a list says it.
            let from = if self.own.floor > sent.max(link.listing) { 0 } else { sent };
            if from == 0 {
                link.listing = head;
            }
            alike.entry((from, link.listing)).or_default().push(node.clone());
        }
        for ((from, _), to) in alike {
            for changes in self.own.above(from, FRAMES_MAX) {
                for node in &to {
                    self.links.entry(node.clone()).and_modify(|link| link.sent = Some(changes.to));
                }
                send.push(Send { to: to.clone(), frame: Frame::Presence(Word::Changes(changes)) });
            }
        }
        self.flush_head(now_ms, head, send);
    }

    fn flush_head(&mut self, now_ms: u64, head: u64, send: &mut Vec<Send>) {
        if self.changed.0 != head {
            self.changed = (head, now_ms);
        }
        let every_ms = if now_ms < self.changed.1 + BUSY_MS { BEAT_MS } else { QUIET_MS };
        // Also where nobody is present here: a peer that lost this node, and has it again, knows that only when it is told,
        // and this node may not have noticed.
        if self.head_ms + every_ms <= now_ms {
            self.head_ms = now_ms;
            self.head_to.extend(self.links.keys().cloned());
        }
        let links = &self.links;
        // Who has not been sent everything yet would ask for what is on its way.
        let is_through = |link: &Link| link.sent.is_none_or(|sent| sent >= head);
        let to = std::mem::take(&mut self.head_to).into_iter();
        let to: Vec<_> = to.filter(|node| links.get(node).is_some_and(is_through)).collect();
        if !to.is_empty() {
            send.push(Send { to, frame: Frame::Presence(Word::Head { head, digest: self.own.digest }) });
        }
    }
}

/// How an entry is tracked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Somebody outside knows the reference.
    pub(crate) may_return: bool,
    /// A handle that is still held gives way.
    pub(crate) takes_over: bool,
}

fn check_meta(limits: &Limits, meta: &Payload) -> Result<(), PresenceError> {
    let (bytes, max) = (meta.len(), limits.presence_meta_bytes_max);
    if bytes > max { Err(PresenceError::MetaTooLarge { bytes, max }) } else { Ok(()) }
}
