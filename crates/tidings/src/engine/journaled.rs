//! A carrier with a journal beside it.

use std::sync::Arc;

use bytes::Bytes;
use tidings_wire::NodeName;

use super::{BoxFuture, Carrier, EngineError, Inbound, Journal, Me, SendError};

/// A carrier with a journal of another make: frames go one way, and what is to be kept another.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tidings::{Carrier, Hub, Journal, Journaled};
/// # async fn example(carrier: impl Carrier, journal: Arc<dyn Journal>) -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::solo("alpha")?;
/// hub.connect(Journaled::new(carrier, journal)).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Journaled<C> {
    carrier: C,
    journal: Arc<dyn Journal>,
}

impl<C: Carrier> Journaled<C> {
    /// Puts the two together.
    #[must_use]
    pub fn new(carrier: C, journal: Arc<dyn Journal>) -> Self {
        Self { carrier, journal }
    }
}

impl<C: Carrier> Carrier for Journaled<C> {
    fn start(&self, me: Me, inbound: Inbound) -> BoxFuture<'_, Result<(), EngineError>> {
        self.carrier.start(me, inbound)
    }

    fn send(&self, to: &NodeName, frame: Bytes) -> Result<(), SendError> {
        self.carrier.send(to, frame)
    }

    fn probe(&self, node: &NodeName) -> BoxFuture<'_, bool> {
        self.carrier.probe(node)
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        self.carrier.stop()
    }

    fn journal(&self) -> Option<Arc<dyn Journal>> {
        Some(self.journal.clone())
    }
}
