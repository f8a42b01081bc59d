//! Building a hub.

use std::{fmt, sync::Arc};

use tidings_wire::{NameError, NodeName};

use crate::{
    Hub, Limits,
    clock::{Clock, SystemClock},
    presence, shard,
    shared::Shared,
};

/// Builds a [`Hub`].
pub struct HubBuilder {
    node: NodeName,
    limits: Limits,
    clock: Box<dyn Clock>,
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder").field("node", &self.node).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl HubBuilder {
    /// The machine's clock and the default limits.
    pub(crate) fn new(node: &str) -> Result<Self, NameError> {
        Ok(Self { node: NodeName::new(node)?, limits: Limits::default(), clock: Box::<SystemClock>::default() })
    }

    /// Changes limits: `.limits(|limits| limits.topics_max = 1_000_000)`.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self.limits = self.limits.corrected();
        self
    }

    /// Another clock than the machine's, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Makes the hub and starts its tasks: its shards, and one that ends the graces of presences.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn build(self) -> Hub {
        let shards = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(self.limits.shards_max));
        let epoch = self.epoch();
        let hub = self.assemble(epoch, shards, true);
        for shard in 0..shards {
            tokio::spawn(shard::run(Arc::downgrade(&hub.shared), shard));
        }
        tokio::spawn(presence::run(Arc::downgrade(&hub.shared)));
        hub
    }

    /// The same, also outside of a runtime: no shard runs there, and nothing is woken.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn build_anywhere(self) -> Hub {
        if tokio::runtime::Handle::try_current().is_ok() {
            return self.build();
        }
        let epoch = self.epoch();
        self.assemble(epoch, 1, true)
    }

    /// Milliseconds above, random bits below: larger than every epoch before it, also within one millisecond's restarts
    /// as far as chance allows.
    fn epoch(&self) -> u64 {
        self.clock.wall_ms() << 16 | u64::from(random_16())
    }

    /// A hub whose one shard runs only when it is told to, and with a given epoch: for the simulator.
    #[cfg(test)]
    pub(crate) fn build_still(self, epoch: u64) -> Hub {
        self.assemble(epoch, 1, false)
    }

    /// The same, where publishers do rounds themselves, as they do outside of tests.
    #[cfg(test)]
    pub(crate) fn build_without_tasks(self, epoch: u64) -> Hub {
        self.assemble(epoch, 1, true)
    }

    pub(crate) fn assemble(self, epoch: u64, shards: usize, own_rounds: bool) -> Hub {
        let Self { node, limits, clock } = self;
        Hub { shared: Arc::new(Shared::new(node, epoch, limits, clock, shards, own_rounds)) }
    }
}

fn random_16() -> u16 {
    let mut bytes = [0; 2];
    // Without the system's randomness the milliseconds alone have to do.
    let _ = getrandom::fill(&mut bytes);
    u16::from_be_bytes(bytes)
}
