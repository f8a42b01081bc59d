//! Topics and patterns come and go.

use std::{collections::VecDeque, sync::Arc};

use tidings_wire::{Pattern, TopicKind, TopicName, event::GapCause};

use super::{
    Joining, Prepared, Reader, Start,
    read::debug_gap,
    slot::{Begin, Begun, Slot},
};
use crate::{
    cluster::{Bucket, Seen},
    counters::Tally,
    error::SubscribeError,
    log::{Now, Place},
    plant::{Plant, planted},
    resume::{Resume, resume},
    shared::Standing,
    topic::Topic,
};

/// What a join adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    /// A topic, by its slot.
    Topic(u32),
    /// A pattern, by its number.
    Pattern(u32),
}

/// A join that has not begun.
#[derive(Debug)]
pub(super) struct Waiting {
    call: u64,
    pub(super) wanted: Vec<(Wanted, Start)>,
    /// What of it began at once: nothing has to be known of what was, and what this node hears meanwhile is heard.
    early: Vec<Wanted>,
    deadline_ms: u64,
}

impl Waiting {
    /// It is let go before it is joined.
    pub(super) fn forget(&mut self, gone: Wanted) {
        self.wanted.retain(|(wanted, _)| *wanted != gone);
        self.early.retain(|wanted| *wanted != gone);
    }
}

impl Begin {
    /// Where a start leads, and the gap that has to be told first.
    fn of(start: &Start, resumed: Resume) -> (Self, Option<GapCause>) {
        let again = |cause| (Self::Retained(usize::MAX), Some(cause));
        match (start, resumed) {
            (Start::Now, _) => (Self::Now, None),
            (Start::Retained { last }, _) => (Self::Retained(*last), None),
            (Start::After(_), Resume::Here(seen)) => (Self::After(seen), None),
            (Start::After(_), Resume::Ahead) => again(GapCause::Rewound),
            (Start::After(_), Resume::Gap(cause)) => again(cause),
        }
    }
}

impl Standing {
    /// The gap of a topic whose messages were not all sent here.
    fn gap(self, begin: &Begin) -> Option<GapCause> {
        let unsent = matches!(begin, Begin::After(seen) if !seen.dominates(&self.floors));
        match self.stands {
            false => Some(GapCause::NodeSilent),
            true => unsent.then_some(GapCause::Evicted),
        }
    }
}

impl Reader {
    /// Adds topics and patterns, as one event at one place of the log. A plain name is the pattern of itself.
    ///
    /// The next polls hand out gaps and snapshots first, then messages, and [`Delivery::Joined`]
    /// with `call` once everything up to that place is handed out, of these topics and of all
    /// others. Where nothing goes on after a cursor, what starts now is heard from this call on, and may come before
    /// that. What the reader holds already begins again from its new start.
    ///
    /// A pattern becomes each topic that it matches and that the reader [admits](Self::admitting): those that there
    /// are, and those that begin while it is held, from their first message on. A topic that is held more than once,
    /// by name or through patterns, is handed out once, and begins where the earliest of its holds does. (Phoenix has
    /// no patterns; subscribing twice there doubles each message.)
    ///
    /// ```
    /// # use tidings::{Delivery, Hub, Payload, Start};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let hub = Hub::solo("alpha")?;
    /// let mut reader = hub.reader()?;
    /// let refused = reader.join(1, vec![("board/7/**".parse()?, Start::Now), ("news".parse()?, Start::RETAINED)]);
    /// assert!(refused.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// For each topic and pattern that a limit refused; it is then not held, and the others are joined.
    ///
    /// [`Delivery::Joined`]: crate::Delivery::Joined
    pub fn join(&mut self, call: u64, wanted: Vec<(Pattern, Start)>) -> Vec<(Pattern, SubscribeError)> {
        // What there is to know of topics: some may be forgotten, and make room.
        self.look();
        let (mut refused, mut held) = (Vec::new(), Vec::new());
        let too_early = planted(Plant::PlaceBeforeListening).then(|| self.shared.place());
        for (pattern, start) in wanted {
            let hold = match pattern.as_topic() {
                Some(name) => self.hold_topic(&name).map(Wanted::Topic),
                None => self.hold_pattern(&pattern).map(Wanted::Pattern),
            };
            match hold {
                Ok(hold) => held.push((hold, start)),
                Err(error) => {
                    tracing::debug!(topic = %pattern, %error, "a topic was refused to a reader");
                    refused.push((pattern, error));
                }
            }
        }
        let deadline_ms = self.shared.now().monotonic_ms + self.shared.limits.resume_wait_ms;
        // What others wait for is begun with later, and cannot be refused any more.
        let strict = self.waiting.is_empty();
        self.waiting.push_back(Waiting { call, wanted: held, early: Vec::new(), deadline_ms });
        refused.extend(self.begin_waiting(strict, too_early));
        if self.waiting.is_empty() {
            // Few joins wait, and a reader that is idle holds no memory for those that do.
            self.waiting = VecDeque::new();
        }
        refused
    }

    /// Begins with the joins that wait, in their order, up to one that still has to.
    pub(super) fn begin_waiting(
        &mut self,
        strict: bool,
        mut too_early: Option<(Place, Now)>,
    ) -> Vec<(Pattern, SubscribeError)> {
        let mut refused = Vec::new();
        while let Some(waiting) = self.waiting.pop_front() {
            match self.begin_or_wait(waiting, strict, too_early.take()) {
                Ok(of_one) => refused.extend(of_one),
                Err(waiting) => {
                    tracing::debug!(call = waiting.call, "a join waits for what its node lacks");
                    self.waiting.push_front(waiting);
                    self.hold_back();
                    self.shared.wake_when_more_came(&self.mailbox);
                    return refused;
                }
            }
        }
        refused
    }

    /// The bucket of what is wanted, where Signal topics are among it.
    fn bucket(&self, wanted: Wanted) -> Option<Bucket> {
        match wanted {
            Wanted::Topic(at) => {
                let topic = &self.slots[at as usize].topic;
                (topic.kind == TopicKind::Signal).then(|| Bucket::of(&topic.name))
            }
            Wanted::Pattern(hold) => self.shared.bucket_of(&self.patterns[hold as usize].pattern),
        }
    }

    /// Begins with what a join adds; gives it back where the node still has to get what its cursors cover, or where
    /// peers have not answered for a Signal. A pattern with more topics than the reader may hold is refused if it is
    /// `strict`. `too_early` is a planted bug: a place that was taken before listening.
    fn begin_or_wait(
        &mut self,
        waiting: Waiting,
        strict: bool,
        too_early: Option<(Place, Now)>,
    ) -> Result<Vec<(Pattern, SubscribeError)>, Waiting> {
        // Before the place is taken, which then covers what came before the answers.
        let wanted = waiting.wanted.iter().map(|(wanted, _)| wanted).chain(&waiting.early);
        let mut standing = self.shared.standing(wanted.map(|wanted| self.bucket(*wanted)));
        // Taken only after listening: what is published from here on marks the slots, and topics that begin from here
        // on are introduced.
        let (place, now) = too_early.unwrap_or_else(|| self.shared.place());
        let overdue = waiting.deadline_ms <= now.monotonic_ms;
        let resumed = |start: &Start| match start {
            Start::After(text) => {
                let age_s_max = self.shared.limits.cursor_age_s_max;
                resume(text, &place, age_s_max, now.wall_s(), |origin, stamp| self.shared.may_come(origin, stamp))
            }
            Start::Now | Start::Retained { .. } => Resume::Here(Seen::default()),
        };
        let resumed: Vec<_> = waiting.wanted.iter().map(|(_, start)| resumed(start)).collect();
        let awaits = standing.iter().flatten().any(|standing| !standing.stands);
        if !overdue && (awaits || resumed.iter().any(|resumed| matches!(resumed, Resume::Ahead))) {
            return Err(self.begin_early(waiting, &place, now));
        }
        let of_early = standing.split_off(waiting.wanted.len());
        let (call, topics, mut refused_cursors) = (waiting.call, standing.len() + of_early.len(), 0);
        let mut refused = Vec::new();
        let mut rewound = self.prepared.iter().any(|prepared| matches!(prepared, Prepared::Rewound));
        for (((wanted, start), resumed), standing) in waiting.wanted.into_iter().zip(resumed).zip(standing) {
            let (begin, cause) = Begin::of(&start, resumed);
            refused_cursors += usize::from(cause.is_some());
            let unheard = standing.and_then(|standing| standing.gap(&begin));
            // Once for all that is still to be said, and before what it explains.
            if cause == Some(GapCause::Rewound) && !std::mem::replace(&mut rewound, true) {
                self.prepared.push_back(Prepared::Rewound);
            }
            match wanted {
                Wanted::Topic(at) => {
                    // What is kept of a Signal that was not sent here for a while has holes: it begins anew.
                    let begin = if unheard.is_some() { Begin::Now } else { begin };
                    self.begin_topic(at, &begin, cause, &place, now);
                    self.gap(at, unheard);
                }
                Wanted::Pattern(hold) => {
                    let pattern = self.patterns[hold as usize].pattern.clone();
                    let begun = self.begin_pattern(hold, begin, cause, &place, now, strict);
                    match begun {
                        Ok(()) => self.pattern_gap(hold, unheard),
                        Err(error) => refused.push((pattern, error)),
                    }
                }
            }
        }
        for (wanted, standing) in waiting.early.into_iter().zip(of_early) {
            let unheard = standing.and_then(|standing| standing.gap(&Begin::Now));
            match wanted {
                Wanted::Topic(at) => self.gap(at, unheard),
                Wanted::Pattern(hold) => self.pattern_gap(hold, unheard),
            }
        }
        self.pending.clear();
        self.pending.extend(self.slots.iter().map(|(slot, _)| slot as u32));
        self.joined_at = place.index;
        // A beat is a join without topics: nothing to tell.
        if topics > 0 {
            tracing::debug!(call, topics, refused_cursors, index = place.index, "a reader joins");
        }
        if self.joining.is_empty() {
            // Mostly one at a time.
            self.joining.reserve_exact(1);
        }
        self.joining.push_back(Joining { call, index: place.index, cursor: place.text });
        self.ask_for_round(place.index);
        self.mailbox.wake();
        Ok(refused)
    }

    /// Begins with what starts now, and leaves the rest of a join waiting. Not where something goes on after a cursor:
    /// the cursor of what is handed out early would cover what that has still to hand out.
    fn begin_early(&mut self, mut waiting: Waiting, place: &Place, now: Now) -> Waiting {
        if waiting.wanted.iter().any(|(_, start)| matches!(start, Start::After(_))) {
            return waiting;
        }
        let (early, wanted) = waiting.wanted.into_iter().partition(|(_, start)| matches!(start, Start::Now));
        waiting.wanted = wanted;
        let early: Vec<(Wanted, Start)> = early;
        for (wanted, _) in early {
            match wanted {
                Wanted::Topic(at) => self.begin_topic(at, &Begin::Now, None, place, now),
                // It waits already, and is refused no more: what it has no room for is told as a gap.
                Wanted::Pattern(hold) => drop(self.begin_pattern(hold, Begin::Now, None, place, now, false)),
            }
            waiting.early.push(wanted);
        }
        waiting
    }

    /// Nothing is handed out of what waits, unless it is also held otherwise.
    fn hold_back(&mut self) {
        let wanted: Vec<_> =
            self.waiting.iter().flat_map(|waiting| &waiting.wanted).map(|(wanted, _)| *wanted).collect();
        for wanted in wanted {
            match wanted {
                Wanted::Topic(at) => {
                    let slot = &mut self.slots[at as usize];
                    slot.waits = true;
                    if slot.patterns.is_empty() {
                        slot.position = u64::MAX;
                    }
                }
                Wanted::Pattern(hold) => {
                    self.patterns[hold as usize].place = None;
                    self.want_nothing_of(hold);
                }
            }
        }
    }

    /// Puts a slot where it begins, and prepares what has to be said first.
    fn begin_topic(&mut self, at: u32, begin: &Begin, cause: Option<GapCause>, place: &Place, now: Now) {
        let over = !self.slots[at as usize].patterns.is_empty();
        if !over {
            self.forget_prepared(at);
        }
        self.gap(at, cause);
        let slot = &mut self.slots[at as usize];
        slot.waits = false;
        let Begun { slow, evicted, snapshot } = slot.begin(begin, over, place.index, now);
        self.gap(at, slow.then_some(GapCause::Slow));
        self.gap(at, evicted.then_some(GapCause::Evicted));
        if snapshot {
            self.prepare_snapshot(at);
        }
    }

    /// Prepares that a topic's value is told, or that it has none.
    fn prepare_snapshot(&mut self, at: u32) {
        self.slots[at as usize].prepared = true;
        self.prepared.push_back(Prepared::Snapshot(at));
    }

    /// Prepares a gap on a topic.
    pub(super) fn gap(&mut self, at: u32, cause: Option<GapCause>) {
        let Some(cause) = cause else { return };
        let told = |prepared: &Prepared| matches!(prepared, Prepared::Gap(of, GapCause::Slow) if *of == at);
        if std::mem::replace(&mut self.slots[at as usize].prepared, true)
            && cause == GapCause::Slow
            && self.prepared.iter().any(told)
        {
            // It will tell of all that is gone by then.
            return;
        }
        let topic = &self.slots[at as usize].topic;
        debug_gap(&topic.name, cause);
        self.shared.tell(self.mailbox.shard, topic, Tally::GAP);
        self.prepared.push_back(Prepared::Gap(at, cause));
    }

    /// Lets a topic or pattern go; says whether it was held. A topic that is also held otherwise stays.
    pub fn leave(&mut self, pattern: &Pattern) -> bool {
        match pattern.as_topic() {
            Some(name) => self.leave_topic(&name),
            None => self.leave_pattern(pattern),
        }
    }

    /// Lets everything go. The reader stays, and can join again. (Phoenix's `unsubscribe` of each topic.)
    pub fn leave_all(&mut self) {
        self.let_all_go();
        self.by_name.clear();
        self.pending.clear();
        self.prepared.clear();
        self.waiting.iter_mut().for_each(|waiting| (waiting.wanted, waiting.early) = (Vec::new(), Vec::new()));
        // Calls may be through now.
        self.mailbox.wake();
    }

    /// Takes the reader off all topics and patterns.
    pub(super) fn let_all_go(&mut self) {
        for slot in self.slots.drain() {
            unlisten(&self.shared, self.mailbox.shard, &slot);
        }
        for hold in self.patterns.drain() {
            self.shared.unlisten_pattern(&hold.pattern, self.mailbox.shard, hold.key);
        }
        // No round puts anything more into it.
        self.mailbox.forget_found();
    }

    fn leave_topic(&mut self, name: &TopicName) -> bool {
        let Some(at) = self.by_name.get(name).copied() else { return false };
        let slot = &mut self.slots[at as usize];
        if !slot.named {
            return false;
        }
        self.waiting.iter_mut().for_each(|waiting| waiting.forget(Wanted::Topic(at)));
        // It has a name's listener until it has the other, and so is not forgotten in between.
        let found = (!slot.patterns.is_empty()).then(|| self.shared.listen_found(&slot.topic, &self.mailbox, at));
        let Some(Some(key)) = found else {
            self.remove_slot(at);
            return true;
        };
        self.shared.unlisten(&slot.topic, self.mailbox.shard, slot.key);
        (slot.key, slot.named, slot.waits) = (key, false, false);
        true
    }

    /// Ends a slot.
    pub(super) fn remove_slot(&mut self, at: u32) {
        self.forget_prepared(at);
        let slot = self.slots.remove(at as usize);
        self.by_name.remove(&slot.topic.name);
        unlisten(&self.shared, self.mailbox.shard, &slot);
    }

    /// What was to be said of a slot is of no use any more: it is let go, or begins again.
    pub(super) fn forget_prepared(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        if std::mem::take(&mut slot.prepared) {
            self.prepared.retain(|prepared| {
                if matches!(prepared, Prepared::Gap(of, _) if *of == at) {
                    // It was not told: a pattern that finds out later that it lost the same has to say it.
                    slot.told = 0;
                }
                prepared.slot() != Some(at)
            });
        }
    }

    /// Listens to a topic, or finds the slot that does already.
    fn hold_topic(&mut self, name: &TopicName) -> Result<u32, SubscribeError> {
        if let Some(at) = self.by_name.get(name).copied() {
            if !self.slots[at as usize].named {
                self.name_slot(at, name)?;
            }
            return Ok(at);
        }
        let max = self.shared.limits.reader_topics_max;
        if !self.has_room() {
            return Err(SubscribeError::TooManyOfReader { max });
        }
        if self.slots.is_empty() {
            // Many readers have one topic.
            self.slots.reserve_exact(1);
        }
        let entry = self.slots.vacant_entry();
        let at = entry.key() as u32;
        let (topic, key) = self.shared.listen(name, &self.mailbox, at)?;
        entry.insert(Slot::named(topic, key));
        self.by_name.insert(name.clone(), at);
        self.find_for_others(at, self.shared.now());
        Ok(at)
    }

    /// A topic that a pattern has found is held by its name, too.
    fn name_slot(&mut self, at: u32, name: &TopicName) -> Result<(), SubscribeError> {
        let (topic, key) = self.shared.listen(name, &self.mailbox, at)?;
        let slot = &mut self.slots[at as usize];
        unlisten(&self.shared, self.mailbox.shard, slot);
        let begins_again = !Arc::ptr_eq(&slot.topic, &topic);
        let lost = begins_again && slot.settle();
        (slot.topic, slot.key, slot.named, slot.waits) = (topic, key, true, true);
        if begins_again {
            // The one that it had is forgotten: of this one its patterns are owed all.
            slot.patterns.clear();
            self.find_for_others(at, self.shared.now());
        }
        self.gap(at, lost.then_some(GapCause::Slow));
        Ok(())
    }

    /// Whether one more topic can be held.
    pub(super) fn has_room(&mut self) -> bool {
        let max = self.shared.limits.reader_topics_max;
        if self.slots.len() >= max {
            self.drop_forgotten();
        }
        self.slots.len() < max
    }

    /// Ends the slots of topics that are forgotten, after what is owed of them.
    pub(super) fn drop_forgotten(&mut self) {
        let shard = self.mailbox.shard;
        let gone: Vec<_> =
            self.slots.iter().filter(|(_, slot)| slot.is_forgotten(shard)).map(|(at, _)| at as u32).collect();
        for at in gone {
            self.end_forgotten(at);
        }
    }

    /// Ends the slot of a topic that is forgotten, after what is owed of it: it holds nothing any more. Gives back up to
    /// where what is gone was told.
    pub(super) fn end_forgotten(&mut self, at: u32) -> u64 {
        let slot = &mut self.slots[at as usize];
        let (topic, lost, told) = (slot.topic.clone(), slot.settle(), slot.told);
        for prepared in self.prepared.iter_mut().filter(|_| slot.prepared) {
            if let Prepared::Gap(of, cause) = *prepared
                && of == at
            {
                *prepared = Prepared::Lost(topic.name.clone(), cause);
            }
        }
        if topic.kind == TopicKind::State {
            // That it was cleared is kept for a day; who slept longer has to be told all the same.
            self.prepared.push_back(Prepared::Nothing(topic.name.clone()));
        } else if lost {
            self.lost(&topic, GapCause::Slow);
        }
        self.remove_slot(at);
        told
    }

    /// Prepares a gap on a topic that has no slot.
    pub(super) fn lost(&mut self, topic: &Topic, cause: GapCause) {
        // Several patterns may have lost it, or several topics of that name in a row.
        let told =
            |prepared: &Prepared| matches!(prepared, Prepared::Lost(lost, of) if *lost == topic.name && *of == cause);
        if !self.prepared.iter().any(told) {
            debug_gap(&topic.name, cause);
            self.shared.tell(self.mailbox.shard, topic, Tally::GAP);
            self.prepared.push_back(Prepared::Lost(topic.name.clone(), cause));
        }
    }
}

/// Takes a slot off its topic.
pub(super) fn unlisten(shared: &crate::shared::Shared, shard: usize, slot: &Slot) {
    match slot.named {
        true => shared.unlisten(&slot.topic, shard, slot.key),
        false => shared.unlisten_found(&slot.topic, shard, slot.key),
    }
}
