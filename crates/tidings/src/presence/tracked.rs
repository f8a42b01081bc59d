//! A handle of somebody who is present.

use std::{fmt, sync::Arc};

use tidings_wire::TopicName;

use super::{Id, PresenceError, Reference};
use crate::{Payload, shared::Shared};

/// Somebody is present for as long as this is held: what [`Hub::track`](crate::Hub::track) gives.
///
/// Dropping it untracks. An entry of a page ([`Hub::track_as`](crate::Hub::track_as)) then fades for
/// [`Limits::presence_grace_ms`](crate::Limits), for the page may come back; any other leaves at once. A program that
/// ends a hub ends its entries: a handle keeps the hub's memory alive, and nothing else of it.
pub struct Tracked {
    shared: Arc<Shared>,
    id: Id,
    handle: u64,
}

impl Tracked {
    pub(crate) fn new(shared: Arc<Shared>, id: Id, handle: u64) -> Self {
        Self { shared, id, handle }
    }

    /// Where.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.id.topic
    }

    /// Who.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.id.key
    }

    /// Which of the key's entries.
    #[must_use]
    pub fn reference(&self) -> Reference {
        self.id.reference
    }

    /// What it says of itself; `None` when it was untracked meanwhile, or taken over.
    #[must_use]
    pub fn meta(&self) -> Option<Payload> {
        let Self { shared, id, handle } = self;
        shared
            .presence(|core, _| core.own.get(id).filter(|owned| owned.handle == *handle).map(|o| o.state.meta.clone()))
    }

    /// Says something else of itself: those who watch are told in one diff that the old entry left and the new one
    /// joined. The same meta again is told to nobody.
    ///
    /// # Errors
    /// [`PresenceError::NotPresent`] when it was untracked by [`Hub::untrack`](crate::Hub::untrack) meanwhile, or taken
    /// over; [`PresenceError::MetaTooLarge`].
    pub fn update(&self, meta: Payload) -> Result<(), PresenceError> {
        let Self { shared, id, handle } = self;
        shared.presence(|core, now| core.update(&shared.limits, now, id, *handle, meta))
    }

    /// Leaves at once, without a grace.
    pub fn untrack(self) {
        // What drop does then finds nothing.
        self.shared.presence(|core, now| core.untrack(now, &self.id, Some(self.handle)));
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let Self { shared, id, handle } = self;
        shared.presence(|core, now| core.dropped(&shared.limits, now, id, *handle));
    }
}

impl fmt::Debug for Tracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Id { reference, topic, key } = &self.id;
        f.debug_struct("Tracked").field("topic", topic).field("key", key).field("reference", reference).finish()
    }
}
