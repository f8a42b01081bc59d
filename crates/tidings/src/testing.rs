//! Testing code that uses a hub: time that stands still, and expectations that wait for nothing.
//!
//! Feature `testing`, for `[dev-dependencies]`:
//!
//! ```
//! use tidings::{Payload, testing::{self, Expect as _}, wire::event::GapCause};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (hub, clock) = testing::hub("alpha");
//! let mut lobby = hub.subscribe("chat/lobby")?;
//!
//! hub.broadcast("chat/lobby", Payload::of("hello")?)?;
//! assert_eq!(lobby.expect_value::<String>(), "hello");
//! lobby.expect_nothing();
//!
//! // A Signal is held for five seconds: who does not read it by then is told of a gap.
//! hub.broadcast("chat/lobby", Payload::of("too early")?)?;
//! clock.advance(5);
//! hub.broadcast("chat/lobby", Payload::of("in time")?)?;
//! assert_eq!(lobby.expect_gap(), GapCause::Slow);
//! assert_eq!(lobby.expect_value::<String>(), "in time");
//! # Ok(()) }
//! ```
//!
//! # How nothing can be expected
//! That a message does not come cannot be seen by waiting for a while. An expectation asks for a place in the node's log
//! instead, and reads up to it: what was published before the call has then been told, and what was not told does not
//! come. So a test needs no runtime, no sleep and no timeout, and what is wrong is told at once.
//!
//! Inside a tokio runtime the hub is a usual one, and tasks that wait for it are woken; outside of one nothing is woken,
//! and only expectations read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use serde::de::DeserializeOwned;
use tidings_wire::event::GapCause;

/// Nodes of one process: an engine without sockets, for tests of clusters.
pub use crate::engine::{
    ledger::Ledger,
    mesh::{Mesh, MeshCarrier},
};
use crate::{Clock, Delivery, Entry, Hub, Limits, Reader, Subscription};

/// A hub whose time stands still until its clock is moved.
///
/// # Panics
/// When the name is not valid for a node.
#[must_use]
pub fn hub(node: &str) -> (Hub, HandClock) {
    hub_with(node, |_| {})
}

/// The same with other limits: `hub_with("alpha", |limits| limits.readers_max = 2)`.
///
/// # Panics
/// When the name is not valid for a node.
#[must_use]
pub fn hub_with(node: &str, limits: impl FnOnce(&mut Limits)) -> (Hub, HandClock) {
    let clock = HandClock::default();
    (hub_on(node, &clock, limits), clock)
}

/// A hub on a clock that is there already: after another one of the same name it is that node, restarted. Move the clock
/// in between, for a node begins later than it ended.
///
/// # Panics
/// When the name is not valid for a node.
#[must_use]
pub fn hub_on(node: &str, clock: &HandClock, limits: impl FnOnce(&mut Limits)) -> Hub {
    let builder = Hub::builder(node).unwrap_or_else(|error| panic!("{node:?} is no node's name: {error}"));
    builder.clock(clock.clone()).limits(limits).build_anywhere()
}

/// A clock that is moved by hand; clones are one clock. It begins in September 2026.
#[derive(Debug, Clone, Default)]
pub struct HandClock(Arc<AtomicU64>);

/// Wall time at the beginning, in milliseconds since the Unix epoch.
const BEGINNING_MS: u64 = 1_790_000_000_000;

impl HandClock {
    /// Moves wall time and monotonic time on by so many seconds.
    pub fn advance(&self, seconds: u64) {
        self.advance_ms(seconds * 1000);
    }

    /// Moves wall time and monotonic time on by so many milliseconds.
    pub fn advance_ms(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn wall_ms(&self) -> u64 {
        BEGINNING_MS + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Calls from here on are those of [`read`].
const CALLS: u64 = 1 << 63;

/// All that a reader is told of what was published up to this call, in order; with what its joins have to say. Does not
/// wait: what a join waits for is told by the next call after it came. (Numbers of joins from 2⁶³ on are its own.)
#[must_use]
pub fn read(reader: &mut Reader) -> Vec<Delivery> {
    static NEXT: AtomicU64 = AtomicU64::new(CALLS);
    // A join of no topics is a place in the log, and told once everything up to it was handed out.
    let here = NEXT.fetch_add(1, Ordering::Relaxed);
    reader.join(here, Vec::new());
    // A reader of patterns knows all topics up to that place only when its shard has come there.
    reader.run_round();
    let (mut context, mut told, mut batch) = (Context::from_waker(Waker::noop()), Vec::new(), Vec::new());
    while reader.poll_read(&mut context, &mut batch).is_ready() {
        for delivery in batch.drain(..) {
            match delivery {
                Delivery::Joined { call, .. } if call == here => return told,
                Delivery::Joined { call: CALLS.., .. } => {}
                other => told.push(other),
            }
        }
    }
    told
}

/// What a test expects of a subscription, in order. Nothing here waits, and a panic says what came instead.
pub trait Expect {
    /// What has been told next, if anything has.
    fn try_next(&mut self) -> Option<Delivery>;

    /// The next delivery, of whatever sort.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    fn expect_any(&mut self) -> Delivery {
        self.try_next().unwrap_or_else(|| panic!("expected a delivery, and nothing came"))
    }

    /// The next delivery is a message: a State topic's new value and its clearing (without a payload) are such, too.
    ///
    /// # Panics
    /// When there is none, or something else.
    #[track_caller]
    fn expect_message(&mut self) -> Arc<Entry> {
        match self.try_next() {
            Some(Delivery::Message(entry)) => entry,
            other => panic!("expected a message, {}", instead(other.as_ref())),
        }
    }

    /// The next delivery is a message with a payload of this type.
    ///
    /// # Panics
    /// When there is none, something else, or a payload of another shape.
    #[track_caller]
    fn expect_value<T: DeserializeOwned>(&mut self) -> T {
        let entry = self.expect_message();
        let Some(payload) = &entry.payload else { panic!("expected a value, and {} was cleared", entry.topic) };
        payload.decode().unwrap_or_else(|error| {
            let (wanted, topic) = (std::any::type_name::<T>(), &entry.topic);
            panic!("expected a {wanted} on {topic}, and {payload:?} is none: {error}")
        })
    }

    /// The next delivery is a gap; its cause.
    ///
    /// # Panics
    /// When there is none, or something else.
    #[track_caller]
    fn expect_gap(&mut self) -> GapCause {
        match self.try_next() {
            Some(Delivery::Gap { cause, .. }) => cause,
            other => panic!("expected a gap, {}", instead(other.as_ref())),
        }
    }

    /// The next delivery is a State topic's snapshot; its value, if there is one.
    ///
    /// # Panics
    /// When there is none, or something else.
    #[track_caller]
    fn expect_snapshot(&mut self) -> Option<Arc<Entry>> {
        match self.try_next() {
            Some(Delivery::Snapshot { entry, .. }) => entry,
            other => panic!("expected a snapshot, {}", instead(other.as_ref())),
        }
    }

    /// Nothing more has been told: of all that was published so far, this subscription has heard everything.
    ///
    /// # Panics
    /// When something has.
    #[track_caller]
    fn expect_nothing(&mut self) {
        if let Some(delivery) = self.try_next() {
            panic!("expected nothing, {}", instead(Some(&delivery)));
        }
    }
}

impl Expect for Subscription {
    fn try_next(&mut self) -> Option<Delivery> {
        Self::try_next(self)
    }
}

/// What came instead, in words.
fn instead(delivery: Option<&Delivery>) -> String {
    let Some(delivery) = delivery else { return "and nothing came".to_owned() };
    let text = |entry: &Entry| entry.payload.as_ref().map_or("no value".to_owned(), |payload| format!("{payload:?}"));
    match delivery {
        Delivery::Message(entry) => format!("and a message came on {}: {}", entry.topic, text(entry)),
        Delivery::Snapshot { topic, entry } => {
            let value = entry.as_ref().map_or("no value".to_owned(), |entry| text(entry));
            format!("and a snapshot came of {topic}: {value}")
        }
        Delivery::Gap { topic, cause } => format!("and a gap came on {topic}: {}", cause.as_str()),
        other => format!("and this came: {other:?}"),
    }
}
