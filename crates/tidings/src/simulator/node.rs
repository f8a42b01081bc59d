//! A simulated node: a real hub on a clock that the simulator moves, and its readers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use tidings_wire::{Cursor, OriginTag, Pattern, TopicName, event::GapCause};

use crate::{Clock, Delivery, Hub, Reader, Start, shard::Round};

/// The simulation's time, seen through one node's clock.
#[derive(Debug, Clone)]
pub(super) struct SimulatedClock {
    pub(super) now_ms: Arc<AtomicU64>,
    /// What this node's wall clock is ahead, in milliseconds.
    pub(super) ahead_ms: u64,
}

/// Wall time at the simulation's beginning.
pub(super) const WALL_MS: u64 = 1_800_000_000_000;

impl Clock for SimulatedClock {
    fn wall_ms(&self) -> u64 {
        WALL_MS + self.ahead_ms + self.now_ms.load(Ordering::Relaxed)
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }
}

pub(super) struct SimulatedNode {
    pub(super) hub: Hub,
    pub(super) round: Round,
    /// Nodes that the carrier has said are up.
    pub(super) sees: BTreeSet<usize>,
}

/// What a reader was told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    Message {
        topic: TopicName,
        origin: OriginTag,
        stamp: u64,
        value: u64,
    },
    Snapshot {
        topic: TopicName,
        value: Option<u64>,
    },
    Gap {
        topic: TopicName,
        cause: GapCause,
    },
    /// Of all topics of a pattern.
    PatternGap {
        pattern: Pattern,
        cause: GapCause,
    },
    /// The values of a pattern are through.
    Complete {
        pattern: Pattern,
    },
    Rewound,
    /// A message of before its hold began: more than was promised.
    Early,
    /// The stream was cut, and opened again elsewhere.
    Moved,
}

impl Heard {
    fn is_message_of(&self, held: &Pattern) -> bool {
        matches!(self, Self::Message { topic, .. } if held.matches(topic))
    }

    /// Which topic it was about, if one.
    pub(super) fn topic(&self) -> Option<&TopicName> {
        match self {
            Self::Message { topic, .. } | Self::Snapshot { topic, .. } | Self::Gap { topic, .. } => Some(topic),
            Self::PatternGap { .. } | Self::Complete { .. } | Self::Rewound | Self::Early | Self::Moved => None,
        }
    }
}

/// The call of a join that only asks for a cursor, as a stream's beat does.
const BEAT_CALL: u64 = 0;

/// How often a stream beats, in milliseconds.
const BEAT_MS: u64 = 500;

/// A plain client: topics or a pattern, a cursor, and everything that it was told.
pub(super) struct SimulatedReader {
    pub(super) node: usize,
    pub(super) reader: Option<Reader>,
    /// What it holds, and where each began: `None` until its join is told. A pattern is held alone.
    pub(super) holds: BTreeMap<Pattern, Option<Cursor>>,
    /// What its node held of each when that was told: who begins now is not told of it.
    pub(super) held: BTreeMap<TopicName, Option<u64>>,
    /// What each join holds that is not told yet.
    calls: BTreeMap<u64, Vec<Pattern>>,
    call: u64,
    beat_ms: u64,
    /// The last `id:`.
    pub(super) cursor: Option<Box<str>>,
    pub(super) heard: Vec<Heard>,
    /// Does not read until then.
    pub(super) stalled_until_ms: u64,
    /// Has no stream until then.
    pub(super) away_until_ms: u64,
}

impl SimulatedReader {
    pub(super) fn new(node: usize, holds: Vec<Pattern>) -> Self {
        let holds = holds.into_iter().map(|held| (held, None)).collect();
        let (reader, calls, call, beat_ms, cursor, heard) = Default::default();
        let (stalled_until_ms, away_until_ms) = (0, 0);
        let held = BTreeMap::new();
        Self { node, reader, holds, held, calls, call, beat_ms, cursor, heard, stalled_until_ms, away_until_ms }
    }

    /// Opens a stream at a node: topics that had begun go on after the cursor, the others begin now.
    pub(super) fn open(&mut self, at: usize, hub: &Hub) {
        let Ok(reader) = hub.reader() else { return };
        self.node = at;
        self.reader = Some(reader);
        self.calls.clear();
        let start = |began: &Option<Cursor>| match (&self.cursor, began) {
            (Some(cursor), Some(_)) => Start::After(cursor.clone()),
            _ => Start::Now,
        };
        let wanted = self.holds.iter().map(|(held, began)| (held.clone(), start(began))).collect();
        self.join(wanted);
    }

    /// The pattern that it holds, if it does.
    fn pattern(&self) -> Option<Pattern> {
        self.holds.keys().find(|held| held.as_topic().is_none()).cloned()
    }

    /// Takes a topic, or lets it go where it is held. Who holds a pattern lets that go, and takes it anew.
    pub(super) fn change(&mut self, topic: TopicName) {
        let pattern = self.pattern();
        let Some(reader) = &mut self.reader else { return };
        let changed = pattern.clone().unwrap_or_else(|| (&topic).into());
        let held = self.holds.remove(&changed).is_some();
        if held {
            reader.leave(&changed);
            match pattern {
                Some(_) => {
                    self.heard.clear();
                    self.held.clear();
                }
                None => self.heard.retain(|heard| heard.topic() != Some(&topic)),
            }
            self.calls.values_mut().for_each(|holds| holds.retain(|held| *held != changed));
        }
        if !held || changed.as_topic().is_none() {
            self.holds.insert(changed.clone(), None);
            self.join(vec![(changed, Start::Now)]);
        }
    }

    fn join(&mut self, wanted: Vec<(Pattern, Start)>) {
        self.call += 1;
        self.calls.insert(self.call, wanted.iter().map(|(held, _)| held.clone()).collect());
        if let Some(reader) = &mut self.reader {
            reader.join(self.call, wanted);
        }
    }

    /// Reads all that is there, at the node that it is open at.
    pub(super) fn read(&mut self, hub: &Hub, now_ms: u64) {
        let Some(mut reader) = self.reader.take() else { return };
        if self.beat_ms + BEAT_MS <= now_ms {
            self.beat_ms = now_ms;
            reader.join(BEAT_CALL, Vec::new());
        }
        let (mut context, mut batch) = (Context::from_waker(Waker::noop()), Vec::new());
        while reader.poll_read(&mut context, &mut batch).is_ready() {
            batch.drain(..).for_each(|delivery| self.hear(hub, delivery));
        }
        self.reader = Some(reader);
    }

    fn hear(&mut self, hub: &Hub, delivery: Delivery) {
        match delivery {
            Delivery::Message(entry) => {
                self.cursor = Some(entry.cursor.clone());
                let value = entry.payload.as_ref().and_then(|payload| payload.decode().ok()).unwrap_or(0);
                let (topic, origin, stamp) = (entry.topic.clone(), entry.version.origin(), entry.stamp);
                self.heard.push(Heard::Message { topic, origin, stamp, value });
            }
            Delivery::Snapshot { topic, entry } => {
                let value = entry.and_then(|entry| entry.payload.as_ref()?.decode().ok());
                self.heard.push(Heard::Snapshot { topic, value });
            }
            Delivery::Gap { topic: pattern, cause } => self.heard.push(match pattern.as_topic() {
                Some(topic) => Heard::Gap { topic, cause },
                None => Heard::PatternGap { pattern, cause },
            }),
            Delivery::Complete { pattern } => self.heard.push(Heard::Complete { pattern }),
            Delivery::Rewound => self.heard.push(Heard::Rewound),
            Delivery::Joined { call, cursor } => {
                for held in self.calls.remove(&call).unwrap_or_default() {
                    if let Some(began @ None) = self.holds.get_mut(&held) {
                        *began = cursor.parse().ok().map(|cursor| with_retired(cursor, hub));
                        // What it heard before is more than it was promised.
                        let early = self.heard.iter_mut().filter(|heard| heard.is_message_of(&held));
                        early.for_each(|heard| *heard = Heard::Early);
                        for info in hub.topics_of(&held) {
                            let value = super::model::held(hub, &info.topic);
                            self.held.insert(info.topic, value);
                        }
                    }
                }
                self.cursor = Some(cursor);
            }
        }
    }
}

/// A cursor, and what it does not list because it is long dead.
fn with_retired(mut cursor: Cursor, hub: &Hub) -> Cursor {
    let log = hub.shared.log();
    for (origin, stamp) in log.all_applied().filter(|(origin, _)| !log.applied().lists(*origin)) {
        cursor.set(origin, stamp);
    }
    cursor
}
