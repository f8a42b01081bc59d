//! A simulated node: a real hub on a clock that the simulator moves, and its readers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use tidings_wire::{Cursor, OriginTag, TopicName, event::GapCause};

use crate::{Clock, Delivery, Hub, Reader, Start, shard::Round};

/// The simulation's time, seen through one node's clock.
#[derive(Debug, Clone)]
pub(super) struct SimulatedClock {
    pub(super) now_ms: Arc<AtomicU64>,
    /// What this node's wall clock is ahead, in milliseconds.
    pub(super) ahead_ms: u64,
}

/// Wall time at the simulation's beginning.
const WALL_MS: u64 = 1_800_000_000_000;

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
    Rewound,
    /// The stream was cut, and opened again elsewhere.
    Moved,
}

/// A plain client: topics, a cursor, and everything that it was told.
pub(super) struct SimulatedReader {
    pub(super) node: usize,
    pub(super) reader: Option<Reader>,
    pub(super) topics: Vec<TopicName>,
    /// The last `id:`.
    pub(super) cursor: Option<Box<str>>,
    /// Where it began.
    pub(super) began: Option<Cursor>,
    pub(super) heard: Vec<Heard>,
    /// Does not read until then.
    pub(super) stalled_until_ms: u64,
}

impl SimulatedReader {
    /// Opens a stream at a node: for the first time now, later after the cursor.
    pub(super) fn open(&mut self, at: usize, hub: &Hub) {
        let Ok(mut reader) = hub.reader() else { return };
        let start = || self.cursor.clone().map_or(Start::Now, Start::After);
        reader.join(1, self.topics.iter().map(|topic| (topic.into(), start())).collect());
        self.node = at;
        self.reader = Some(reader);
    }

    /// Reads all that is there.
    pub(super) fn read(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        let (mut context, mut batch) = (Context::from_waker(Waker::noop()), Vec::new());
        while reader.poll_read(&mut context, &mut batch).is_ready() {
            for delivery in batch.drain(..) {
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
                    Delivery::Gap { topic, cause } => {
                        if let Some(topic) = topic.as_topic() {
                            self.heard.push(Heard::Gap { topic, cause });
                        }
                    }
                    Delivery::Complete { .. } => {}
                    Delivery::Rewound => self.heard.push(Heard::Rewound),
                    Delivery::Joined { cursor, .. } => {
                        if self.began.is_none() {
                            self.began = cursor.parse().ok();
                        }
                        self.cursor = Some(cursor);
                    }
                }
            }
        }
    }
}
