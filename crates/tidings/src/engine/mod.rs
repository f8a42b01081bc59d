//! Engines: how nodes reach each other.
//!
//! A [`Carrier`] moves frames and says who is there. It knows no topics, no readers and no order: what
//! is lost on its way is found and repaired by the hub, so it may drop what it has no room for. Four
//! calls are all that it needs; `tidings::conformance` is the suite that each one has to pass.
//!
//! A node alone has none: that is the engine *solo*, [`Hub::solo`](crate::Hub::solo).

mod driver;
#[cfg(feature = "faults")]
mod faults;
mod inbound;
mod journal;
mod journaled;
mod kin;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod ledger;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod mesh;
mod scribe;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use thiserror::Error;
use tidings_wire::NodeName;

pub(crate) use driver::Driver;
#[cfg(feature = "faults")]
pub use faults::{Fault, Faults, Faulty};
pub use inbound::Inbound;
pub(crate) use inbound::{FRAMES_MAX, Happened, Inbox};
pub use journal::{Journal, JournalError, Kept, Record, Shelf};
pub use journaled::Journaled;
pub use kin::Kin;
pub(crate) use scribe::{Found, Scribe};

/// What a carrier gives back that takes time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The node that a carrier works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Its name, unique in the cluster.
    pub node: NodeName,
    /// This start of it.
    pub epoch: u64,
}

/// Moves frames between the nodes of a cluster.
///
/// Frames between two nodes arrive in the order in which they were sent, or not at all; the hub counts on
/// neither, but repairs are what an engine that reorders will mostly do. A frame has at most
/// [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX) bytes and is opaque.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Begins. From here on `inbound` is told who comes and goes and what they send, until [`stop`](Self::stop).
    ///
    /// A node is `up` once a frame sent to it has a chance to arrive, and `down` once it has not: told once for each
    /// change.
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Queues a frame for one node. Never waits: a full queue is an error, and the frame is dropped.
    ///
    /// # Errors
    /// [`SendError`]; the hub notices by itself that the frame is missing.
    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError>;

    /// Whether a node of this name answers now, be it known as up or not.
    fn probe(&self, node: &NodeName) -> BoxFuture<'_, bool>;

    /// Ends: what is queued goes out if it can, and then nothing more comes in.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// What keeps the nodes' messages beyond their lives, where there is such a thing.
    fn journal(&self) -> Option<Arc<dyn Journal>> {
        None
    }
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// No node of this name is up.
    #[error("no such node is up")]
    Unknown,
    /// The queue to that node is full: it is stopped, or slower than what is published.
    #[error("the queue to the node is full")]
    Full,
}

/// Why an engine could not begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The hub has an engine already.
    #[error("the hub is connected already: a node is of one cluster")]
    Connected,
    /// The name is held by another node that answers.
    #[error("a node named {node} answers already: give this one another name, or stop that one")]
    NameTaken {
        /// The name.
        node: NodeName,
    },
    /// The journal cannot be read: the node would begin without what it has to have.
    #[error("the journal cannot be read: {0}")]
    Journal(#[from] JournalError),
    /// The engine's own reason.
    #[error("the engine could not begin: {0}")]
    Other(Box<dyn std::error::Error + Send + Sync>),
}
