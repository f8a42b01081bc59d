//! A pattern becomes topics: those that there are, and those that begin.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use tidings_wire::{Pattern, TopicKind, TopicName, event::GapCause};

use super::{
    Prepared, Reader,
    join::Wanted,
    read::debug_gap,
    slot::{Begin, Begun, Slot},
};
use crate::{
    error::SubscribeError,
    lock,
    log::{Now, Place},
    mailbox::{Found, Hidden, OfPatterns},
    plant::{Plant, planted},
    topic::Topic,
};

/// A pattern that a reader holds.
#[derive(Debug)]
pub(super) struct PatternHold {
    pub(super) pattern: Pattern,
    /// Key among the listeners of the pattern.
    pub(super) key: usize,
    /// Index of its join: of a topic that is found later, all above it is owed. `None` while the join waits: its list
    /// will name all topics that are introduced until then.
    pub(super) place: Option<u64>,
    /// It has left a topic out for want of room, and said so.
    limited: bool,
}

/// Which topics a pattern may become.
pub(super) struct Admits(pub(super) Box<dyn Fn(&TopicName) -> bool + Send + Sync>);

impl fmt::Debug for Admits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admits")
    }
}

/// What became of a topic that a pattern has found.
enum Slotted {
    /// Its slot, and whether another hold has it, too.
    At(u32, bool),
    /// The reader has no room for it.
    NoRoom,
    /// It is forgotten already.
    Gone,
}

impl Reader {
    /// Listens to a pattern, or finds the hold that does already.
    pub(super) fn hold_pattern(&mut self, pattern: &Pattern) -> Result<u32, SubscribeError> {
        if let Some(hold) = self.find_pattern(pattern) {
            return Ok(hold);
        }
        let max = self.shared.limits.reader_patterns_max;
        if self.patterns.len() >= max {
            return Err(SubscribeError::TooManyPatterns { max });
        }
        if self.patterns.is_empty() {
            // Many readers have one pattern.
            self.patterns.reserve_exact(1);
        }
        let entry = self.patterns.vacant_entry();
        let hold = entry.key() as u32;
        let key = self.shared.listen_pattern(pattern, &self.mailbox, hold);
        entry.insert(PatternHold { pattern: pattern.clone(), key, place: None, limited: false });
        Ok(hold)
    }

    fn find_pattern(&self, pattern: &Pattern) -> Option<u32> {
        self.patterns.iter().find(|(_, hold)| hold.pattern == *pattern).map(|(hold, _)| hold as u32)
    }

    /// Begins with a pattern: with each topic that it matches now.
    ///
    /// The list is made in pieces after the place, without the log's lock. What begins in between is introduced, too,
    /// and has one slot; what is forgotten in between is in the log's record of that, which is looked at last.
    pub(super) fn begin_pattern(
        &mut self,
        hold: u32,
        begin: Begin,
        cause: Option<GapCause>,
        place: &Place,
        now: Now,
        strict: bool,
    ) -> Result<(), SubscribeError> {
        self.want_nothing_of(hold);
        let (topics, all) = self.list(hold, strict);
        if strict && !all {
            let pattern = self.patterns[hold as usize].pattern.clone();
            self.leave_pattern(&pattern);
            return Err(SubscribeError::TooManyOfReader { max: self.shared.limits.reader_topics_max });
        }
        let forgotten = match &begin {
            Begin::After(seen) => !planted(Plant::PatternForgetsForgotten) && self.shared.has_forgotten_above(seen),
            Begin::Now | Begin::Retained(_) => false,
        };
        let cause = cause.or(forgotten.then_some(GapCause::Evicted));
        let complete = cause.is_some() || matches!(begin, Begin::Retained(_));
        let of = &mut self.patterns[hold as usize];
        (of.place, of.limited) = (Some(place.index), false);
        self.forget_prepared_of(hold);
        self.pattern_gap(hold, cause);
        for topic in topics {
            self.begin_found(hold, &topic, &begin, complete, place.index, now);
        }
        if complete {
            self.prepared.push_back(Prepared::Complete(hold));
        }
        if !all {
            self.limit(hold);
        }
        Ok(())
    }

    /// What a pattern alone has of topics is of an earlier join of it.
    pub(super) fn want_nothing_of(&mut self, hold: u32) {
        let alone = |slot: &Slot| slot.patterns == [hold] && !slot.is_held_otherwise(hold);
        let alone: Vec<_> = self.slots.iter().filter(|(_, slot)| alone(slot)).map(|(at, _)| at as u32).collect();
        for at in alone {
            self.forget_prepared(at);
            self.slots[at as usize].position = u64::MAX;
        }
    }

    /// Begins again with all patterns, after a gap: more topics have begun than the mailbox holds.
    fn restart_patterns(&mut self) {
        let (place, now) = self.shared.place();
        let begun: Vec<_> =
            self.patterns.iter().filter(|(_, hold)| hold.place.is_some()).map(|(hold, _)| hold as u32).collect();
        for hold in begun {
            let (topics, all) = self.list(hold, false);
            self.patterns[hold as usize].place = Some(place.index);
            self.pattern_gap(hold, Some(GapCause::Slow));
            for topic in topics {
                let known = self.by_name.get(&topic.name).map(|at| &self.slots[*at as usize]);
                let known = known.filter(|slot| Arc::ptr_eq(&slot.topic, &topic) && slot.patterns.contains(&hold));
                match known.map(|_| self.by_name[&topic.name]) {
                    // It goes on where it is; its value belongs to the pattern's snapshot.
                    Some(at) => self.prepare_value(at),
                    None => self.begin_found(hold, &topic, &Begin::Retained(usize::MAX), true, place.index, now),
                }
            }
            self.prepared.push_back(Prepared::Complete(hold));
            if !all {
                self.limit(hold);
            }
        }
        self.pending.clear();
        self.pending.extend(self.slots.iter().map(|(slot, _)| slot as u32));
    }

    /// The topics of a pattern that are admitted and have room, and whether that is all of them; where it has to be all,
    /// the list ends with the first that has none.
    fn list(&mut self, hold: u32, strict: bool) -> (Vec<Arc<Topic>>, bool) {
        self.drop_forgotten();
        let mut room = self.shared.limits.reader_topics_max.saturating_sub(self.slots.len());
        let (mut topics, mut all) = (Vec::new(), true);
        let this = &*self;
        this.shared.patterns.list(&this.patterns[hold as usize].pattern, |topic| {
            if !this.admits(&topic.name) {
                return true;
            }
            if !this.by_name.contains_key(&topic.name) {
                let Some(less) = room.checked_sub(1) else {
                    all = false;
                    return !strict;
                };
                room = less;
            }
            topics.push(topic);
            true
        });
        (topics, all)
    }

    /// Whether a pattern may become this topic: one that it has become already is not asked for again.
    fn admits(&self, name: &TopicName) -> bool {
        let held = || self.by_name.get(name).is_some_and(|at| !self.slots[*at as usize].patterns.is_empty());
        self.admits.as_ref().is_none_or(|admits| held() || admits.0(name))
    }

    /// Begins with one topic of a pattern, and prepares what has to be said first. Of a State topic whose pattern is
    /// told as a whole, that is its value.
    fn begin_found(&mut self, hold: u32, topic: &Arc<Topic>, begin: &Begin, complete: bool, place: u64, now: Now) {
        let Slotted::At(at, over) = self.slot_of(hold, topic, now) else { return };
        if !over {
            self.forget_prepared(at);
        }
        let begin = match topic.kind == TopicKind::State && complete {
            true => &Begin::Retained(usize::MAX),
            false => begin,
        };
        let Begun { slow, evicted, snapshot } = self.slots[at as usize].begin(begin, over, place, now);
        self.gap(at, slow.then_some(GapCause::Slow));
        // A gap on the whole pattern says it already.
        self.gap(at, (evicted && !complete).then_some(GapCause::Evicted));
        if snapshot {
            self.prepare_value(at);
        }
    }

    /// Prepares that a State topic's value is told, if it has one.
    fn prepare_value(&mut self, at: u32) {
        let slot = &mut self.slots[at as usize];
        if slot.topic.kind == TopicKind::State && slot.has_value() {
            slot.prepared = true;
            self.prepared.push_back(Prepared::Value(at));
        }
    }

    /// Finds or makes the slot of a topic that a pattern has found.
    fn slot_of(&mut self, hold: u32, topic: &Arc<Topic>, now: Now) -> Slotted {
        let mut told = 0;
        if let Some(at) = self.by_name.get(&topic.name).copied() {
            let slot = &mut self.slots[at as usize];
            if Arc::ptr_eq(&slot.topic, topic) {
                if !slot.patterns.contains(&hold) {
                    slot.patterns.push(hold);
                }
                return Slotted::At(at, slot.is_held_otherwise(hold));
            }
            if topic.is_forgotten() {
                return self.never_held(hold, topic);
            }
            // The topic of this name that it had is forgotten, and this one has begun since.
            told = self.end_forgotten(at);
        }
        if !self.has_room() {
            return Slotted::NoRoom;
        }
        let entry = self.slots.vacant_entry();
        let at = entry.key() as u32;
        match self.shared.listen_found(topic, &self.mailbox, at) {
            Some(key) => {
                entry.insert(Slot::found(topic.clone(), key, hold, told));
                self.by_name.insert(topic.name.clone(), at);
                Slotted::At(at, self.find_for_others(at, now))
            }
            None => self.never_held(hold, topic),
        }
    }

    /// A topic that has a slot is found by all patterns of the reader that match and have begun: it may not have been
    /// introduced to them, and would seem new to them then. Says whether there are any besides the one it has.
    pub(super) fn find_for_others(&mut self, at: u32, now: Now) -> bool {
        let slot = &mut self.slots[at as usize];
        let others = self
            .patterns
            .iter()
            .filter(|(of, other)| !slot.patterns.contains(&(*of as u32)) && other.pattern.matches(&slot.topic.name));
        let begun = others.filter_map(|(of, other)| Some((of as u32, other.place?)));
        let (others, places): (Vec<_>, Vec<_>) = begun.unzip();
        let Some(earliest) = places.into_iter().min() else { return false };
        if slot.patterns.is_empty() && !self.admits.as_ref().is_none_or(|admits| admits.0(&slot.topic.name)) {
            return false;
        }
        slot.patterns.extend(others);
        slot.begin(&Begin::Now, false, earliest, now);
        true
    }

    /// A topic was forgotten before it was held: what was on it since the join is lost.
    fn never_held(&mut self, hold: u32, topic: &Topic) -> Slotted {
        let gone = lock(&topic.ring).gone();
        let told = self.by_name.get(&topic.name).map_or(0, |at| self.slots[*at as usize].told);
        if self.patterns[hold as usize].place.is_some_and(|place| gone > place.max(told)) {
            self.lost(topic, GapCause::Slow);
        }
        Slotted::Gone
    }

    /// Empties the mailbox: what is marked is pending, and what was introduced is held.
    pub(super) fn look(&mut self) {
        let OfPatterns { overflowed, hidden } = self.mailbox.take(&mut self.pending, &mut self.found);
        if overflowed || !self.found.is_empty() {
            self.find_topics(overflowed);
        }
        if let Some(hidden) = hidden {
            self.tell_hidden(hidden);
        }
    }

    /// Gaps the patterns whose topics may have messages that never come to this node. Known topics have gaps of their
    /// own, at their places; of the others nothing was handed out that this could come too early for.
    fn tell_hidden(&mut self, hidden: Hidden) {
        let concerned = |hold: &PatternHold| hold.place.is_some() && self.shared.may_hide(&hold.pattern, hidden);
        let holds: Vec<_> =
            self.patterns.iter().filter(|(_, hold)| concerned(hold)).map(|(hold, _)| hold as u32).collect();
        holds.into_iter().for_each(|hold| self.pattern_gap(hold, Some(GapCause::Lost)));
    }

    /// Holds the topics that were introduced. `overflowed`: some are not among them.
    fn find_topics(&mut self, overflowed: bool) {
        let mut found = std::mem::take(&mut self.found);
        if overflowed {
            found.clear();
            self.restart_patterns();
        }
        let now = self.shared.now();
        for Found { hold, topic } in found.drain(..) {
            // A pattern whose join waits will list it.
            let Some(place) = self.patterns.get(hold as usize).and_then(|hold| hold.place) else { continue };
            let known = self.by_name.get(&topic.name).map(|at| &self.slots[*at as usize]);
            let known = known.is_some_and(|slot| Arc::ptr_eq(&slot.topic, &topic) && slot.patterns.contains(&hold));
            if known || !self.admits(&topic.name) {
                continue;
            }
            match self.slot_of(hold, &topic, now) {
                Slotted::At(at, over) => {
                    let begun = self.slots[at as usize].begin(&Begin::Now, over, place, now);
                    self.gap(at, begun.slow.then_some(GapCause::Slow));
                    self.pending.push(at);
                }
                Slotted::NoRoom => self.limit(hold),
                Slotted::Gone => {}
            }
        }
        self.found = found;
    }

    /// A topic was left out for want of room. Said once: from there on the pattern is not whole.
    fn limit(&mut self, hold: u32) {
        if !std::mem::replace(&mut self.patterns[hold as usize].limited, true) {
            self.pattern_gap(hold, Some(GapCause::Limit));
        }
    }

    pub(super) fn pattern_gap(&mut self, hold: u32, cause: Option<GapCause>) {
        let Some(cause) = cause else { return };
        debug_gap(&self.patterns[hold as usize].pattern, cause);
        self.shared.shards[self.mailbox.shard].pattern_gaps.fetch_add(1, Ordering::Relaxed);
        self.prepared.push_back(Prepared::PatternGap(hold, cause));
    }

    /// Lets a pattern go, and the topics that nothing else holds.
    pub(super) fn leave_pattern(&mut self, pattern: &Pattern) -> bool {
        let Some(hold) = self.find_pattern(pattern) else { return false };
        self.forget_prepared_of(hold);
        let of = self.patterns.remove(hold as usize);
        self.shared.unlisten_pattern(&of.pattern, self.mailbox.shard, of.key);
        // No round puts anything more into it.
        self.mailbox.forget_hold(hold);
        self.waiting.iter_mut().for_each(|waiting| waiting.forget(Wanted::Pattern(hold)));
        let mut free = Vec::new();
        for (at, slot) in &mut self.slots {
            slot.patterns.retain(|held| *held != hold);
            if !slot.named && slot.patterns.is_empty() {
                slot.prepared = false;
                free.push(at as u32);
            }
        }
        self.prepared.retain(|prepared| !prepared.slot().is_some_and(|at| free.binary_search(&at).is_ok()));
        free.into_iter().for_each(|at| self.remove_slot(at));
        // A join may be through now: it waited for the shard because of the pattern.
        self.mailbox.wake();
        true
    }

    /// What was to be said of a pattern is of no use any more: it is let go, or begins again.
    fn forget_prepared_of(&mut self, hold: u32) {
        let (patterns, by_name, slots) = (&self.patterns, &self.by_name, &self.slots);
        let begun = |slot: &Slot| slot.named && !slot.waits;
        let named = |name: &TopicName| by_name.get(name).is_some_and(|at| begun(&slots[*at as usize]));
        // A topic that is forgotten may have been another's, too.
        let alone = |name: &TopicName| {
            let mut others = patterns.iter().filter(|(of, other)| *of as u32 != hold && other.place.is_some());
            patterns[hold as usize].pattern.matches(name)
                && !named(name)
                && !others.any(|(_, other)| other.pattern.matches(name))
        };
        self.prepared.retain(|prepared| match prepared {
            Prepared::Lost(name, _) | Prepared::Nothing(name) => !alone(name),
            other => other.pattern() != Some(hold),
        });
    }

    /// A reader with patterns knows all topics up to a place only after its shard's round there: asks for one.
    pub(super) fn ask_for_round(&self, place: u64) {
        let shard = &self.shared.shards[self.mailbox.shard];
        if !self.patterns.is_empty() && shard.marked.load(Ordering::Acquire) < place {
            shard.ask(&self.mailbox);
        }
    }
}
