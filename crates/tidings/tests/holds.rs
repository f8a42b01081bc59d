//! Names and patterns that overlap, come and go: any schedule agrees with a plain model of what is owed.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use support::{HandClock, cursor_of, hub_with, pattern, poll_once, publish, read, value};
use tidings::{
    Delivery, Hub, Reader, Start,
    wire::{Cursor, Pattern, event::GapCause},
};

/// A short history, two long ones, two values, and two that are forgotten after five seconds.
const TOPICS: [&str; 7] = ["short/a", "history/a", "history/b", "value/a", "value/b", "beep/a", "beep/b"];
const KEEP: [usize; 7] = [4, usize::MAX, usize::MAX, 1, 1, usize::MAX, usize::MAX];

const HOLDS: [&str; 9] = ["**", "*/a", "history/*", "value/*", "beep/**", "history/a", "short/a", "value/a", "beep/a"];

#[derive(Debug, Clone)]
enum Step {
    Publish(usize),
    Clear(usize),
    Join(BTreeMap<usize, From>),
    Leave(usize),
    Poll,
    Shards,
    /// The line is cut; the client comes back with the last cursor that it got, and with all that it held.
    Cut,
    /// Five seconds pass, and what is idle is forgotten.
    Forget,
}

#[derive(Debug, Clone)]
enum From {
    Now,
    Retained(usize),
    /// After the place that lies so far back, of all so far.
    After(prop::sample::Index),
    Nonsense,
}

/// The same in a model that has come so far.
#[derive(Debug)]
enum At {
    Now,
    Retained(usize),
    After(u64),
    Nonsense,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let from = prop_oneof![
        3 => Just(From::Now),
        2 => (0..7_usize).prop_map(From::Retained),
        4 => any::<prop::sample::Index>().prop_map(From::After),
        1 => Just(From::Nonsense),
    ];
    let step = prop_oneof![
        14 => (0..TOPICS.len()).prop_map(Step::Publish),
        2 => (3..5_usize).prop_map(Step::Clear),
        4 => prop::collection::btree_map(0..HOLDS.len(), from, 1..4).prop_map(Step::Join),
        2 => (0..HOLDS.len()).prop_map(Step::Leave),
        5 => Just(Step::Poll),
        4 => Just(Step::Shards),
        1 => Just(Step::Cut),
        2 => Just(Step::Forget),
    ];
    prop::collection::vec(step, 1..80)
}

fn is_value(topic: usize) -> bool {
    TOPICS[topic].starts_with("value")
}

fn is_signal(topic: usize) -> bool {
    TOPICS[topic].starts_with("beep")
}

fn topic_at(topic: &str) -> usize {
    TOPICS.iter().position(|known| *known == topic).unwrap()
}

/// What is owed of a topic.
#[derive(Debug, Default)]
struct Owed {
    /// For each hold the messages that it has to be told of, by index; of a value only the newest.
    must: BTreeMap<usize, BTreeSet<u64>>,
    /// Of the past that a hold began with, up to here: what goes of it before it is read was not promised.
    past: BTreeMap<usize, u64>,
    /// Those that it may be told of: where a hold begins again from a later place, and another has the topic, too, what
    /// was not read stays.
    may: BTreeSet<u64>,
    /// Holds of which a gap has to be told first: something that was asked for is gone already.
    gaps: BTreeSet<usize>,
    /// Gaps that may be told for that, also of holds that were let go since.
    gaps_may: u32,
    /// The name's own snapshot.
    snapshot: bool,
}

impl Owed {
    fn owe(&mut self, hold: usize, messages: impl IntoIterator<Item = u64>) {
        for index in messages {
            self.must.entry(hold).or_default().insert(index);
            self.may.insert(index);
        }
    }

    fn keep(&mut self, keep: impl Fn(u64) -> bool) {
        self.must.values_mut().for_each(|must| must.retain(|index| keep(*index)));
        self.may.retain(|index| keep(*index));
    }

    /// The oldest that has to be told, of a topic that has let go of all up to `gone`.
    fn first(&self, gone: u64) -> Option<u64> {
        let first = |(hold, must): (&usize, &BTreeSet<u64>)| {
            let past = self.past.get(hold).copied().unwrap_or(0).min(gone);
            must.iter().copied().find(|index| *index > past)
        };
        self.must.iter().filter_map(first).min()
    }
}

/// A pattern's snapshot that is not through.
#[derive(Debug)]
struct Unit {
    hold: usize,
    gap: Option<GapCause>,
    /// State topics with a value that have not been told.
    values: BTreeSet<usize>,
    /// Whether it ends with `complete`.
    complete: bool,
}

struct Model {
    hub: Hub,
    clock: HandClock,
    reader: Reader,
    /// Topic of each index, counted from 1, and whether there is a value.
    log: Vec<(usize, bool)>,
    /// The node's cursor after each index, from 0.
    cursors: Vec<Box<str>>,
    held: BTreeSet<usize>,
    owed: BTreeMap<usize, Owed>,
    units: Vec<Unit>,
    /// Calls that have not been told, with their places.
    joining: Vec<(u64, u64)>,
    call: u64,
    /// Of the last message since the last join.
    index: u64,
    cursor: Option<Box<str>>,
    /// Index up to which all of a topic is gone with time.
    expired: BTreeMap<usize, u64>,
    /// How often a topic went with something unread: each time may be told for itself, also where the hold that lacked
    /// it has gone since.
    unread: BTreeMap<usize, u32>,
    /// State topics that were forgotten: that they have no value may be told, until the next one's is.
    emptied: BTreeSet<usize>,
    /// What is gone with topics that were forgotten, up to here.
    forgotten: u64,
    /// The same when each topic that there is began.
    inherited: BTreeMap<usize, u64>,
}

impl Model {
    fn new(batch: usize) -> Self {
        let (hub, clock) = hub_with(|limits| limits.batch_messages_max = batch);
        let reader = hub.reader().unwrap();
        let cursors = vec![hub.cursor()];
        Self {
            hub,
            clock,
            reader,
            log: Vec::new(),
            cursors,
            held: BTreeSet::new(),
            owed: BTreeMap::new(),
            units: Vec::new(),
            joining: Vec::new(),
            call: 0,
            index: 0,
            cursor: None,
            expired: BTreeMap::new(),
            unread: BTreeMap::new(),
            emptied: BTreeSet::new(),
            forgotten: 0,
            inherited: BTreeMap::new(),
        }
    }

    fn place(&self) -> u64 {
        self.log.len() as u64
    }

    fn all(&self, topic: usize) -> Vec<u64> {
        (1..=self.place()).filter(|index| self.log[*index as usize - 1].0 == topic).collect()
    }

    /// The newest index that a topic has let go. Values are replaced, not let go.
    fn gone(&self, topic: usize) -> u64 {
        let all = self.all(topic);
        let over = all.len().checked_sub(KEEP[topic].saturating_add(1)).map_or(0, |at| all[at]);
        if is_value(topic) { 0 } else { over.max(self.expired.get(&topic).copied().unwrap_or(0)) }
    }

    fn kept(&self, topic: usize) -> Vec<u64> {
        let (all, gone) = (self.all(topic), self.gone(topic));
        match is_value(topic) {
            true => all.last().copied().into_iter().collect(),
            false => all.into_iter().filter(|index| *index > gone).collect(),
        }
    }

    fn has_value(&self, topic: usize) -> bool {
        self.all(topic).last().is_some_and(|index| self.log[*index as usize - 1].1)
    }

    fn holding(&self, topic: usize) -> impl Iterator<Item = usize> + '_ {
        let name = support::name(TOPICS[topic]);
        self.held.iter().copied().filter(move |hold| pattern(HOLDS[*hold]).matches(&name))
    }

    fn exists(&self, topic: usize) -> bool {
        self.inherited.contains_key(&topic)
    }

    fn appears(&mut self, topic: usize) {
        self.inherited.entry(topic).or_insert(self.forgotten);
    }

    fn published(&mut self, topic: usize, is_value_there: bool) {
        self.appears(topic);
        self.log.push((topic, is_value_there));
        self.cursors.push(self.hub.cursor());
        let index = self.place();
        if !is_value_there {
            // What is cleared before it is told is not told; if it comes again, it comes as a message.
            self.units.iter_mut().for_each(|unit| unit.values.retain(|value| *value != topic));
        }
        for hold in self.holding(topic).collect::<Vec<_>>() {
            let owed = self.owed.entry(topic).or_default();
            if is_value(topic) {
                owed.keep(|older| older == index);
            }
            owed.owe(hold, [index]);
        }
    }

    fn join(&mut self, holds: &BTreeMap<usize, From>) {
        let at = |from: &From| match from {
            From::Now => At::Now,
            From::Retained(last) => At::Retained(*last),
            From::After(place) => At::After(place.index(self.cursors.len()) as u64),
            From::Nonsense => At::Nonsense,
        };
        let holds = holds.iter().map(|(hold, from)| (*hold, at(from))).collect();
        self.join_at(&holds);
    }

    fn join_at(&mut self, holds: &BTreeMap<usize, At>) {
        self.call += 1;
        // Patterns first or last makes no difference to what is owed: here the order is that of the list.
        let start = |at: &At| match at {
            At::Now => Start::Now,
            At::Retained(last) => Start::Retained { last: *last },
            At::After(place) => Start::After(self.cursors[*place as usize].clone()),
            At::Nonsense => Start::After("nonsense".into()),
        };
        let wanted = holds.iter().map(|(hold, at)| (pattern(HOLDS[*hold]), start(at)));
        assert!(self.reader.join(self.call, wanted.collect()).is_empty());
        // All are held before the first begins.
        for hold in holds.keys() {
            if let Some(name) = pattern(HOLDS[*hold]).as_topic() {
                self.appears(topic_at(name.as_str()));
            }
        }
        let place = self.place();
        for (hold, at) in holds {
            let of = pattern(HOLDS[*hold]);
            let cause = match at {
                At::Nonsense => Some(GapCause::CursorMalformed),
                At::After(after) if *after < self.forgotten && !of.is_plain() => Some(GapCause::Evicted),
                _ => None,
            };
            let whole = !of.is_plain() && (cause.is_some() || matches!(at, At::Retained(_)));
            self.units.retain(|unit| unit.hold != *hold);
            let mut values = BTreeSet::new();
            for topic in (0..TOPICS.len()).filter(|topic| of.matches(&support::name(TOPICS[*topic]))) {
                let others = self.holding(topic).any(|other| other != *hold);
                if !others {
                    self.owed.remove(&topic);
                }
                if let Some(owed) = self.owed.get_mut(&topic) {
                    owed.must.remove(hold);
                    owed.past.remove(hold);
                    owed.gaps.remove(hold);
                    owed.snapshot &= HOLDS[*hold] != TOPICS[topic];
                }
                if !self.exists(topic) {
                    continue;
                }
                let (kept, gone) = (self.kept(topic), self.gone(topic));
                let inherited = if is_value(topic) { 0 } else { self.inherited[&topic] };
                let has_value = self.has_value(topic);
                let owed = self.owed.entry(topic).or_default();
                let mut gap = false;
                if !matches!(at, At::After(_)) {
                    owed.past.insert(*hold, place);
                }
                match at {
                    _ if whole && is_value(topic) => values.extend(has_value.then_some(topic)),
                    At::After(after) => {
                        owed.owe(*hold, kept.iter().copied().filter(|index| index > after));
                        gap = gone.max(inherited) > *after && !whole && !is_value(topic);
                    }
                    At::Retained(_) | At::Nonsense if is_value(topic) => owed.snapshot = true,
                    At::Retained(last) if !is_signal(topic) => owed.owe(*hold, kept.iter().copied().rev().take(*last)),
                    At::Nonsense if !is_signal(topic) => owed.owe(*hold, kept),
                    _ => {}
                }
                if gap || (of.is_plain() && matches!(at, At::Nonsense)) {
                    owed.gaps.insert(*hold);
                    owed.gaps_may += 1;
                }
            }
            if !of.is_plain() && (whole || cause.is_some()) {
                self.units.push(Unit { hold: *hold, gap: cause, values, complete: whole });
            }
            self.held.insert(*hold);
        }
        self.joining.push((self.call, self.place()));
        self.index = 0;
    }

    fn leave(&mut self, hold: usize) {
        let left = self.reader.leave(&pattern(HOLDS[hold]));
        assert_eq!(left, self.held.remove(&hold), "{}", HOLDS[hold]);
        self.units.retain(|unit| unit.hold != hold);
        let free: Vec<_> = self.owed.keys().copied().filter(|topic| self.holding(*topic).next().is_none()).collect();
        free.iter().for_each(|topic| drop(self.owed.remove(topic)));
        for (topic, owed) in &mut self.owed {
            owed.must.remove(&hold);
            owed.past.remove(&hold);
            owed.gaps.remove(&hold);
            owed.snapshot &= HOLDS[hold] != TOPICS[*topic];
        }
    }

    fn forget(&mut self) {
        self.clock.advance(5);
        let forgotten = self.hub.forget_idle();
        let mut wanted = 0;
        for topic in (0..TOPICS.len()).filter(|topic| is_signal(*topic)) {
            let last = self.all(topic).last().copied().unwrap_or(0);
            if !self.exists(topic) {
                continue;
            }
            self.expired.insert(topic, last);
            if self.owed.get(&topic).is_some_and(|owed| !owed.may.is_empty()) {
                *self.unread.entry(topic).or_default() += 1;
            }
            let named = self.held.iter().any(|hold| HOLDS[*hold] == TOPICS[topic]);
            if !named {
                wanted += 1;
                self.inherited.remove(&topic);
                self.forgotten = self.forgotten.max(last);
            }
        }
        // A topic of another kind that was named and never written on is idle, too.
        let empty: Vec<_> =
            (0..TOPICS.len()).filter(|topic| self.exists(*topic) && self.all(*topic).is_empty()).collect();
        for topic in empty {
            if !self.held.iter().any(|hold| HOLDS[*hold] == TOPICS[topic]) {
                wanted += 1;
                self.inherited.remove(&topic);
                if self.holding(topic).next().is_some() {
                    self.emptied.insert(topic);
                }
            }
        }
        assert_eq!(forgotten, wanted);
    }

    fn poll(&mut self) {
        if let std::task::Poll::Ready(batch) = poll_once(&mut self.reader) {
            assert!(!batch.is_empty(), "ready with nothing");
            batch.iter().for_each(|delivery| self.heard(delivery));
        }
    }

    fn heard(&mut self, delivery: &Delivery) {
        if let Some(cursor) = cursor_of(delivery) {
            assert!(self.units.is_empty(), "an id between a gap and its snapshots: {:?}", self.units);
            self.cursor = Some(cursor);
        }
        match delivery {
            Delivery::Message(entry) => self.message(entry.topic.as_str(), entry.index),
            Delivery::Snapshot { topic, entry } => {
                let topic = topic_at(topic.as_str());
                let asked = self.owed.get(&topic).is_some_and(|owed| owed.snapshot);
                if entry.is_none() && self.emptied.contains(&topic) && (self.has_value(topic) || !asked) {
                    // The topic that was forgotten has no value; what the next one of this name has comes as messages.
                    return;
                }
                assert_eq!(entry.as_ref().and_then(|entry| value(entry)).is_some(), self.has_value(topic));
                self.units.iter_mut().for_each(|unit| unit.values.retain(|value| *value != topic));
                let owed = self.owed.get_mut(&topic).unwrap_or_else(|| panic!("{} is not held", TOPICS[topic]));
                owed.snapshot = false;
                owed.keep(|_| false);
            }
            Delivery::Gap { topic, cause } if !topic.is_plain() => self.pattern_gap(topic, *cause),
            Delivery::Gap { topic, cause } => self.gap(topic_at(topic.as_str()), *cause),
            Delivery::Complete { pattern } => {
                let at = self.units.iter().position(|unit| HOLDS[unit.hold] == pattern.as_str());
                let unit = self.units.remove(at.unwrap_or_else(|| panic!("no unit of {pattern}")));
                assert!(unit.complete && unit.gap.is_none(), "{unit:?}");
                let untold = unit.values.iter().find(|topic| self.has_value(**topic));
                assert_eq!(untold, None, "{pattern}: not told");
            }
            Delivery::Joined { call, .. } => {
                let (wanted, place) = self.joining.remove(0);
                assert_eq!(*call, wanted, "calls are told in order");
                self.owed_nothing_up_to(place);
            }
            other => panic!("{other:?}"),
        }
    }

    fn pattern_gap(&mut self, of: &Pattern, cause: GapCause) {
        let unit = self.units.iter_mut().find(|unit| HOLDS[unit.hold] == of.as_str());
        let unit = unit.unwrap_or_else(|| panic!("a gap on {of} that is none: {cause:?}"));
        assert_eq!(unit.gap.take(), Some(cause), "{of}");
    }

    fn gap(&mut self, topic: usize, cause: GapCause) {
        let gone = self.gone(topic);
        let owed = self.owed.get_mut(&topic).unwrap_or_else(|| panic!("{} is not held", TOPICS[topic]));
        let lost = owed.may.first().is_some_and(|index| *index <= gone);
        let asked = cause != GapCause::Slow && owed.gaps_may > 0;
        if asked {
            owed.gaps_may -= 1;
            owed.gaps.clear();
        }
        let unread = self.unread.entry(topic).or_default();
        let lost = lost || *unread > 0;
        if cause == GapCause::Slow {
            *unread = unread.saturating_sub(1);
        }
        assert!(lost || asked, "a gap on {} that is none: {cause:?} {owed:?}", TOPICS[topic]);
        if cause == GapCause::Slow {
            owed.keep(|index| index > gone);
        }
    }

    fn message(&mut self, topic: &str, index: u64) {
        assert!(index > self.index, "index {index} after {}", self.index);
        self.index = index;
        if let Some((call, place)) = self.joining.first() {
            assert!(index <= *place, "{index} lies above {place}, where call {call} is still to be told");
        }
        let at = topic_at(topic);
        let gone = self.gone(at);
        self.emptied.remove(&at);
        let owed = self.owed.get_mut(&at).unwrap_or_else(|| panic!("{topic} is not held"));
        assert!(owed.gaps.is_empty() && !owed.snapshot, "{topic}: something is to be told first: {owed:?}");
        assert!(owed.first(gone).is_none_or(|first| first >= index), "{topic}: a silent hole before {index}: {owed:?}");
        assert!(owed.may.contains(&index), "{topic}: {index} is a double, or not owed: {owed:?}");
        owed.keep(|other| other > index);
    }

    /// Everything up to a place was handed out or told.
    fn owed_nothing_up_to(&self, place: u64) {
        for (topic, owed) in &self.owed {
            assert!(owed.gaps.is_empty() && !owed.snapshot, "{}: not told: {owed:?}", TOPICS[*topic]);
            let first = owed.first(self.gone(*topic));
            assert!(first.is_none_or(|first| first > place), "{}: owed at {place}: {owed:?}", TOPICS[*topic]);
        }
        assert!(self.units.is_empty(), "{:?}", self.units);
    }

    fn cut(&mut self) {
        // A client keeps a cursor for each hold while one of them catches up; here only the one of the stream.
        let Some(cursor) = self.cursor.clone().filter(|_| self.joining.is_empty()) else { return };
        let after = cursor.parse::<Cursor>().unwrap().get(self.hub.origin());
        for (topic, owed) in &self.owed {
            let first = owed.first(self.gone(*topic));
            assert!(first.is_none_or(|first| first > after), "{}: {after} steps over {owed:?}", TOPICS[*topic]);
        }
        self.reader = self.hub.reader().unwrap();
        let held = std::mem::take(&mut self.held);
        self.owed.clear();
        self.units.clear();
        self.join_at(&held.into_iter().map(|hold| (hold, At::After(after))).collect());
    }

    async fn run(&mut self, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Publish(topic) => {
                    publish(&self.hub, TOPICS[topic], [self.place() + 1]);
                    self.published(topic, true);
                }
                Step::Clear(topic) => {
                    self.hub.clear(TOPICS[topic]).unwrap();
                    self.published(topic, false);
                }
                Step::Join(holds) => self.join(&holds),
                Step::Leave(hold) => self.leave(hold),
                Step::Poll => self.poll(),
                Step::Shards => tokio::task::yield_now().await,
                Step::Cut => self.cut(),
                Step::Forget => self.forget(),
            }
        }
        // At rest nothing is owed.
        self.join(&BTreeMap::new());
        while !self.joining.is_empty() {
            let batch = read(&mut self.reader).await;
            batch.iter().for_each(|delivery| self.heard(delivery));
        }
        self.owed_nothing_up_to(self.place());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_schedule_agrees_with_the_plain_model(steps in steps(), batch in prop_oneof![1..5_usize, Just(256)]) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { Model::new(batch).run(steps).await });
    }
}
