//! A pub/sub hub with history, cursors and honest gaps: the server side of live topics.
//!
//! ```
//! use tidings::{Delivery, Hub, Payload};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let hub = Hub::solo("alpha")?;
//! let mut subscription = hub.subscribe("chat/lobby")?;
//! hub.broadcast("chat/lobby", Payload::from_json(r#"{"text":"hello"}"#)?)?;
//! if let Delivery::Message(message) = subscription.next().await {
//!     assert_eq!(message.payload.as_ref().unwrap().as_str(), r#"{"text":"hello"}"#);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! The same with pictures, from the first publish to a resume: `docs/HOW.md` in the repository.
//!
//! # Publishers, topics, readers
//! Whoever has something to say publishes to a name; whoever wants to know holds the name. A topic that nobody declared
//! is a *Signal*: who listens hears it, as in Phoenix.PubSub. Declare typed topics with [`topics!`](wire::topics) and
//! hand them to [`Hub::serve`], and a topic can be *State* (the newest value is kept) or *Events* (a history is kept).
//! The shared declaration says nothing of who may read or write: that is registered on the hub, and nobody outside may
//! until it is.
//!
//! # The ring of a topic
//! What a topic keeps lies in its ring, oldest first, bounded by count, age and bytes. The ring records what it lets go
//! of. A reader is a place on the ring and has no queue and no task, so a slow one costs nobody anything but itself, and
//! costs itself a gap that it is told of.
//!
//! # The log and the cursor
//! A publish is one short critical section: it is stamped, appended to its topic's ring, and given an index in the
//! node's log. It then wakes the shards, which mark the topic for their readers. A [`Reader`] of many topics merges its
//! marked rings in index order. How far the log has come is a [`Cursor`](wire::Cursor), the same for all readers: what
//! it covers was handed to its reader, or a gap was.
//!
//! # Resuming, and gaps
//! A reader that comes back with a cursor ([`Start::After`]) is handed what came since, once and in order, or a
//! [`Delivery::Gap`] on the topics where something of that is gone, followed by what is retained.
//!
//! ```
//! use tidings::{Delivery, Hub, Payload, Start};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let hub = Hub::solo("alpha")?;
//! let first = hub.cursor();
//! hub.broadcast("chat/lobby", Payload::of("hello")?)?;
//! let mut subscription = hub.subscribe_from("chat/lobby", Start::After(first))?;
//! assert!(matches!(subscription.next().await, Delivery::Message(_)));
//! let mut stranger = hub.subscribe_from("chat/lobby", Start::After("not a cursor".into()))?;
//! assert!(matches!(stranger.next().await, Delivery::Gap { .. }));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # Who is here
//! [`Hub::track`] makes somebody present on a topic, on all nodes, until its handle is dropped; [`Hub::presences`] lists
//! them, and [`Hub::presence_changes`] tells who comes and goes. A page tracks under a [`Reference`] of its own, and is
//! still there when it comes back within seconds, to whatever node.
//!
//! # Features
//! - `metrics`: the hub's figures through the facade of the `metrics` crate.
//! - `testing`: a hub whose clock is moved by hand, and expectations of what a subscription is told.
//!
//! # Hazards
//! - A [`Delivery::Gap`] is not an error to be logged: it says that what you derive from messages is
//!   incomplete. Ask for the state again, or show it.
//! - Do not count in a State topic: two writers that each add one to what they saw lose an update.
//!   Give the counter one owner.
//! - A State topic skips values when they come faster than they are read. Where each one matters, use Events.
//! - Serve a family before its first topic is used: a topic keeps the kind that it began with.
//! - Payloads are JSON text, at most 1 MiB by default. Larger things belong in a store.
//! - A lone node keeps nothing over a restart: readers that come back are told [`Delivery::Rewound`].

mod budget;
mod builder;
mod clock;
mod cluster;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counters;
mod engine;
mod entry;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hlc;
mod hub;
mod ids;
mod limits;
mod log;
mod mailbox;
#[cfg(feature = "metrics")]
pub mod metrics;
mod nodes;
mod one;
mod patterns;
mod payload;
mod plant;
mod presence;
mod principal;
mod publish;
mod questions;
mod reader;
mod resume;
mod ring;
#[cfg(all(test, shuttle))]
mod schedules;
mod serve;
mod shard;
mod shared;
#[cfg(test)]
mod simulator;
mod snapshot;
mod subscription;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod topic;
mod vector;

use std::sync::{PoisonError, TryLockError};

use sync::{Mutex, MutexGuard};

/// Names, cursors, typed topics: what server and browser share.
pub use tidings_wire as wire;

pub use builder::HubBuilder;
pub use clock::Clock;
pub use cluster::{FRAME_BYTES_MAX, JournalInfo, Member, MemberState};
pub use engine::{
    BoxFuture, Carrier, EngineError, Inbound, Journal, JournalError, Journaled, Kept, Kin, Me, Record, SendError, Shelf,
};
#[cfg(feature = "faults")]
pub use engine::{Fault, Faults, Faulty};
pub use entry::{Delivery, Entry};
pub use error::{PayloadError, PublishError, SubscribeError, Unconfirmed, WriteError};
pub use hub::Hub;
pub use limits::Limits;
pub use mailbox::ReaderWaker;
pub use payload::Payload;
pub use presence::{
    Presence, PresenceChange, PresenceChanges, PresenceError, Reference, ReferenceError, Tracked, random_reference,
};
pub use principal::Principal;
pub use publish::{PublishOptions, Published};
pub use questions::{QUESTIONS_MAX, Question, Questions};
pub use reader::{Reader, Start};
pub use serve::{Family, Rule, Serve, anyone, nobody};
pub use snapshot::{HubInfo, KindInfo, PresenceInfo, Snapshot, TopicInfo};
pub use subscription::Subscription;

/// Locks, also after a panic elsewhere: no critical section of this crate runs code that is not its own, so none is
/// left half done. It takes the mutex of `sync.rs`, which is std's but where the schedules are tested.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks, unless somebody else holds it.
fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The page for newcomers, for its code blocks to be tested.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/HOW.md")]
struct How;
