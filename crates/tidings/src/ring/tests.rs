//! Rings against their rules said slowly: over the list of everything that was ever pushed.

use std::{collections::BTreeMap, sync::OnceLock};

use proptest::prelude::*;
use tidings_wire::Version;

use super::*;
use crate::Payload;

const KEEP: Keep = Keep { count: 4, age_s: 10 };
const BYTES_MAX: usize = 40;
const TOMBSTONE_MS: u64 = 60_000;
const ORIGINS: u64 = 3;

fn ring(kind: TopicKind, forgotten: Cursor) -> Ring {
    let keep = if kind == TopicKind::State { Keep::STATE } else { KEEP };
    let limits = Limits {
        ring_bytes_max: BYTES_MAX,
        tombstone_age_s: TOMBSTONE_MS / 1000,
        cursor_age_s_max: 0,
        ..Limits::default()
    };
    Ring::new(kind, keep, &limits, Arc::default(), forgotten)
}

/// A reader that has what a cursor covers, on a node that has retired no origin.
fn seen(cursor: Cursor) -> Seen {
    Seen { cursor, ..Seen::default() }
}

fn origin(number: u64) -> OriginTag {
    OriginTag::from_low_bits(number)
}

/// A payload of so many bytes; `None` clears.
fn entry(index: u64, clock: u64, by: u64, stamp: u64, bytes: Option<usize>, applied_ms: u64) -> Arc<Entry> {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
    Arc::new(Entry {
        topic: "a".parse().expect("a valid name"),
        version: Version::from_clock(clock, origin(by)),
        stamp,
        index,
        from: None,
        id: None,
        payload: bytes.map(|bytes| Payload::from_json(&text(bytes)).expect("a text in quotes")),
        gap: None,
        cursor: "".into(),
        applied_ms,
        frame: OnceLock::new(),
    })
}

#[derive(Debug, Clone)]
enum Step {
    /// A message of an origin; `is_local` gives it no stamp.
    Push { by: u64, is_local: bool, bytes: usize },
    /// Time passes, and the ring is looked at.
    Expire { after_ms: u64 },
    /// A repair says what is gone.
    NoteGone { by: u64, stamp: u64 },
    /// A reader reads on, or resumes from a cursor.
    Read { after: u64, upto: u64, most: usize, floor: Option<Vec<u64>> },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let floor = prop::option::of(prop::collection::vec(0..8_u64, ORIGINS as usize));
    let step = prop_oneof![
        4 => (0..ORIGINS, prop::bool::weighted(0.2), 2..30_usize)
            .prop_map(|(by, is_local, bytes)| Step::Push { by, is_local, bytes }),
        // Half seconds, so that ages are met to the millisecond.
        2 => (0..12_u64).prop_map(|halves| Step::Expire { after_ms: 500 * halves }),
        1 => (0..ORIGINS, 0..12_u64).prop_map(|(by, stamp)| Step::NoteGone { by, stamp }),
        4 => (0..40_u64, 0..40_u64, 0..6_usize, floor)
            .prop_map(|(after, upto, most, floor)| Step::Read { after, upto, most, floor }),
    ];
    prop::collection::vec(step, 1..60)
}

/// Everything that was pushed, and from where on it is held.
#[derive(Debug, Default)]
struct Model {
    all: Vec<Arc<Entry>>,
    start: usize,
    now_ms: u64,
    told_gone: BTreeMap<OriginTag, u64>,
}

impl Model {
    /// The rule: the longest end of the list that is young enough, short enough, and small enough or one message;
    /// what was let go of once does not come back.
    fn settle(&mut self) {
        let is_young = |entry: &Arc<Entry>| self.now_ms < entry.applied_ms + u64::from(KEEP.age_s) * 1000;
        let fits = |from: usize| {
            let held = &self.all[from..];
            let bytes: usize = held.iter().map(|entry| entry.bytes()).sum();
            held.iter().all(is_young) && held.len() <= KEEP.count as usize && (bytes <= BYTES_MAX || held.len() == 1)
        };
        self.start = (self.start..=self.all.len()).find(|from| fits(*from)).expect("an empty end fits");
    }

    fn held(&self) -> &[Arc<Entry>] {
        &self.all[self.start..]
    }

    fn gone_of(&self, origin: OriginTag) -> u64 {
        let evicted = self.all[..self.start].iter().filter(|entry| entry.version.origin() == origin);
        evicted.map(|entry| entry.stamp).chain(self.told_gone.get(&origin).copied()).max().unwrap_or(0)
    }

    fn gone_index(&self) -> u64 {
        self.all[..self.start].last().map_or(0, |entry| entry.index)
    }
}

fn indexes<'a>(entries: impl IntoIterator<Item = &'a Arc<Entry>>) -> Vec<u64> {
    entries.into_iter().map(|entry| entry.index).collect()
}

proptest! {
    #[test]
    fn an_events_ring_keeps_to_count_age_and_bytes_and_remembers_what_is_gone(steps in steps()) {
        let mut ring = ring(TopicKind::Events, Cursor::default());
        let mut model = Model::default();
        let mut stamps = [0; ORIGINS as usize];
        for step in steps {
            match step {
                Step::Push { by, is_local, bytes } => {
                    // Indexes are the node's, so the topic's own have holes.
                    let index = model.all.last().map_or(1, |last| last.index + 1 + by);
                    let stamp = if is_local { 0 } else { stamps[by as usize] += 1; stamps[by as usize] };
                    let entry = entry(index, index, by, stamp, Some(bytes), model.now_ms);
                    ring.push(entry.clone(), model.now_ms);
                    model.all.push(entry);
                }
                Step::Expire { after_ms } => {
                    model.now_ms += after_ms;
                    ring.expire(model.now_ms);
                }
                Step::NoteGone { by, stamp } => {
                    ring.note_gone(origin(by), stamp);
                    let known = model.told_gone.entry(origin(by)).or_default();
                    *known = stamp.max(*known);
                }
                Step::Read { after, upto, most, floor } => {
                    let floor = floor.map(|stamps| {
                        let mut cursor = Cursor::default();
                        (0..).zip(stamps).for_each(|(number, stamp)| cursor.set(origin(number), stamp));
                        seen(cursor)
                    });
                    let above: Vec<_> = model.held().iter().filter(|entry| entry.index > after).collect();
                    let wanted: Vec<_> = above.iter().copied().filter(|entry| entry.index <= upto).take(most).collect();
                    let mut out = Vec::new();
                    let found = ring.read(after, upto, most, floor.as_ref(), &mut out);
                    prop_assert_eq!(indexes(&out), indexes(wanted.iter().copied()));
                    prop_assert_eq!(found.next, above.get(wanted.len()).map(|entry| entry.index));
                    prop_assert_eq!(found.gone, model.gone_index());
                    prop_assert_eq!(found.newest, model.held().last().map_or(0, |entry| entry.index));
                    let lacks = |floor: &Seen| {
                        (0..ORIGINS).any(|number| model.gone_of(origin(number)) > floor.cursor.get(origin(number)))
                    };
                    prop_assert_eq!(found.lost, floor.as_ref().is_none_or(lacks));
                    prop_assert_eq!(ring.find(after, None).next, above.first().map(|entry| entry.index));
                }
            }
            model.settle();
            prop_assert_eq!(indexes(ring.last(usize::MAX)), indexes(model.held()));
            prop_assert_eq!(ring.len(), model.held().len());
            prop_assert_eq!(ring.bytes(), model.held().iter().map(|entry| entry.bytes()).sum::<usize>());
            for number in 0..ORIGINS {
                prop_assert_eq!(ring.gone_of(origin(number)), model.gone_of(origin(number)));
                let kept = model.held().iter().filter(|entry| entry.version.origin() == origin(number) && entry.stamp > 2);
                prop_assert_eq!(indexes(ring.of_origin(origin(number), 2)), indexes(kept));
            }
            for count in 0..6 {
                let last = &model.held()[model.held().len().saturating_sub(count)..];
                prop_assert_eq!(indexes(ring.last(count)), indexes(last));
                // Who reads on from that place is handed just these.
                let place = ring.place_before_last(count);
                let after = model.held().iter().filter(|entry| entry.index > place);
                prop_assert_eq!(indexes(after), indexes(last), "the place before the last {}", count);
            }
        }
    }

    #[test]
    fn a_state_ring_holds_its_newest_version_and_lets_go_of_nothing(
        values in prop::collection::vec((0..20_u64, 0..ORIGINS, prop::option::of(2..60_usize)), 1..30),
    ) {
        let mut ring = ring(TopicKind::State, Cursor::default());
        for (at, (clock, by, bytes)) in values.iter().enumerate() {
            ring.push(entry(at as u64 + 1, *clock, *by, at as u64 + 1, *bytes, 0), 0);
            let newest = values[..=at].iter().map(|(clock, by, _)| Version::from_clock(*clock, origin(*by))).max();
            prop_assert_eq!(ring.newest().map(|entry| entry.version), newest);
            prop_assert_eq!((ring.len(), ring.gone()), (1, 0));
            prop_assert!(!ring.has_let_go_above(&Seen::default()), "that a value was replaced is not a loss");
        }
    }
}

#[test]
fn a_cleared_state_is_remembered_for_a_while_and_then_told_as_gone() {
    let mut ring = ring(TopicKind::State, Cursor::default());
    ring.push(entry(1, 5, 0, 1, None, 1_000), 1_000);
    ring.expire(1_000 + TOMBSTONE_MS - 1);
    ring.push(entry(2, 4, 1, 2, Some(3), 2_000), 2_000);
    assert_eq!(indexes(ring.newest()), [1], "an older value does not come back");
    assert!(!ring.has_let_go_above(&Seen::default()), "the deletion is there to be told");
    ring.expire(1_000 + TOMBSTONE_MS);
    assert_eq!(ring.len(), 0);
    assert!(ring.has_let_go_above(&Seen::default()), "who was away for longer has to be told");
}

#[test]
fn a_topic_that_begins_again_does_not_look_as_if_nothing_had_been_on_it() {
    let mut forgotten = Cursor::default();
    forgotten.set(origin(1), 7);
    let begins = |kind| ring(kind, forgotten.clone());
    assert!(begins(TopicKind::Events).has_let_go_above(&Seen::default()));
    assert!(begins(TopicKind::Signal).has_let_go_above(&Seen::default()));
    assert!(!begins(TopicKind::Events).has_let_go_above(&seen(forgotten.clone())), "what it covers is not lacking");
    assert!(!begins(TopicKind::State).has_let_go_above(&Seen::default()));
}

proptest! {
    /// Other tests keep four entries; here there are enough for every step of the search.
    #[test]
    fn a_place_is_found_from_the_newest_as_from_the_oldest(gaps in prop::collection::vec(1..4_u64, 0..70), at in 0..220_u64) {
        let mut long = ring(TopicKind::Events, Cursor::default());
        (long.keep.count, long.bytes_max) = (100, usize::MAX);
        let mut index = 0;
        for gap in gaps {
            index += gap;
            long.push(entry(index, index, 0, index, Some(2), 0), 0);
        }
        prop_assert_eq!(long.above(at), long.entries.partition_point(|entry| entry.index <= at));
    }
}
