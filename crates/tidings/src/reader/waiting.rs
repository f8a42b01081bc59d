//! Joins that begin, at once or once the node has what they stand on.

use tidings_wire::{NodeName, Pattern, TopicKind, event::GapCause};

use super::{
    Joining, Prepared, Reader, Start,
    slot::{Begin, Begun},
};
use crate::{
    cluster::{Bucket, Seen},
    error::SubscribeError,
    log::{Now, Place},
    resume::{Resume, resume},
    shared::Standing,
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
    pub(super) call: u64,
    pub(super) wanted: Vec<(Wanted, Start)>,
    /// What of it began at once: nothing has to be known of what was, and what this node hears meanwhile is heard.
    pub(super) early: Vec<Wanted>,
    pub(super) deadline_ms: u64,
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
        let silent = self.silent(&waiting, &standing);
        if !silent.is_empty() {
            tracing::warn!(?silent, "a reader joins though these nodes have not answered what it needs of them");
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

    /// The nodes that have not answered for what a join wants.
    fn silent(&self, waiting: &Waiting, standing: &[Option<Standing>]) -> Vec<NodeName> {
        let wanted = waiting.wanted.iter().map(|(wanted, _)| wanted).chain(&waiting.early);
        let unheard = wanted.zip(standing).filter(|(_, standing)| standing.as_ref().is_some_and(|one| !one.stands));
        let mut silent: Vec<_> = unheard
            .filter_map(|(wanted, _)| self.bucket(*wanted))
            .flat_map(|bucket| self.shared.silent(bucket))
            .collect();
        silent.sort_unstable();
        silent.dedup();
        silent
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
}
