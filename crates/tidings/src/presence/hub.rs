//! Presence on the hub.

use std::sync::Arc;

use tidings_wire::TopicName;

use super::{How, Id, Presence, PresenceChanges, PresenceError, Reference, Tracked, room::Room};
use crate::{Hub, Payload};

/// A new reference, that nobody can guess.
///
/// # Errors
/// [`PresenceError::Randomness`] when the system gives no random bytes.
pub fn random_reference() -> Result<Reference, PresenceError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| PresenceError::Randomness)?;
    Ok(Reference::from_bytes(bytes))
}

impl Hub {
    /// Makes somebody present on a topic, on all nodes, for as long as the handle is held. A key may be present many
    /// times; each call makes an entry of its own, with a reference that nobody else knows.
    ///
    /// The topic is a name alone: it need not be declared, and nothing is published on it. Metas carry what the app puts
    /// in and nothing else, and everybody who may see the list sees them.
    ///
    /// ```
    /// use tidings::{Hub, Payload, PresenceChange};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// let ann = hub.track("chat/lobby", "ann", Payload::of("reading")?)?;
    /// let mut changes = hub.presence_changes("chat/lobby")?;
    /// let PresenceChange::List(here) = changes.next().await else { panic!("the list comes first") };
    /// assert_eq!(&*here[0].key, "ann");
    ///
    /// ann.update(Payload::of("typing")?)?;
    /// let PresenceChange::Diff { joins, leaves } = changes.next().await else { panic!("then diffs") };
    /// assert_eq!((leaves[0].meta.as_str(), joins[0].meta.as_str()), ("\"reading\"", "\"typing\""));
    ///
    /// drop(ann);
    /// assert!(hub.presences("chat/lobby")?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`PresenceError`] when the name is not valid or a limit is reached.
    pub fn track(&self, topic: &str, key: &str, meta: Payload) -> Result<Tracked, PresenceError> {
        let how = How { may_return: false, takes_over: false };
        self.track_how(random_reference()?, topic, key, meta, how)
    }

    /// The same under a reference that a page made up, so that it can come back: when the handle is dropped, or this
    /// node dies, the entry fades for [`Limits::presence_grace_ms`](crate::Limits) and stays where the page is tracked
    /// under the same reference by then, on this node or another one.
    ///
    /// # Errors
    /// [`PresenceError::AlreadyTracked`] while another handle of this node holds the entry; the other
    /// [`PresenceError`]s.
    pub fn track_as(
        &self,
        reference: Reference,
        topic: &str,
        key: &str,
        meta: Payload,
    ) -> Result<Tracked, PresenceError> {
        self.track_how(reference, topic, key, meta, How { may_return: true, takes_over: false })
    }

    /// The same, and a handle of this node that holds the entry gives way: its updates are then errors, and dropping it
    /// changes nothing. For a page that comes back before this node has noticed that its last stream ended.
    ///
    /// # Errors
    /// [`PresenceError`] when the name is not valid or a limit is reached.
    pub fn take_over(
        &self,
        reference: Reference,
        topic: &str,
        key: &str,
        meta: Payload,
    ) -> Result<Tracked, PresenceError> {
        self.track_how(reference, topic, key, meta, How { may_return: true, takes_over: true })
    }

    fn track_how(
        &self,
        reference: Reference,
        topic: &str,
        key: &str,
        meta: Payload,
        how: How,
    ) -> Result<Tracked, PresenceError> {
        let id = Id { reference, topic: TopicName::new(topic)?, key: key.into() };
        let shared = &self.shared;
        let handle = shared.presence(|core, now| core.track(&shared.limits, now, &id, meta, how));
        let handle = handle.inspect_err(|error| tracing::debug!(%topic, %key, %error, "a presence was refused"))?;
        Ok(Tracked::new(shared.clone(), id, handle))
    }

    /// An entry of this node leaves at once, whoever holds its handle. Says whether it was there: to untrack what is not
    /// present does nothing.
    pub fn untrack(&self, reference: Reference, topic: &str, key: &str) -> bool {
        let Ok(topic) = TopicName::new(topic) else { return false };
        let id = Id { reference, topic, key: key.into() };
        self.shared.presence(|core, now| core.untrack(now, &id, None))
    }

    /// All entries of a reference on this node leave at once; says how many.
    pub fn untrack_all(&self, reference: Reference) -> usize {
        self.shared.presence(|core, now| {
            let all: Vec<_> = core.own.of(reference).cloned().collect();
            all.iter().filter(|id| core.untrack(now, id, None)).count()
        })
    }

    /// Everybody who is present on a topic, on whatever node, by key and reference.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn presences(&self, topic: &str) -> Result<Vec<Presence>, PresenceError> {
        let topic = TopicName::new(topic)?;
        Ok(self.shared.presence(|core, _| core.table.room(&topic).map_or_else(Vec::new, Room::list)))
    }

    /// The entries of one key on a topic, by reference.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn presences_of(&self, topic: &str, key: &str) -> Result<Vec<Presence>, PresenceError> {
        let topic = TopicName::new(topic)?;
        Ok(self.shared.presence(|core, _| core.table.room(&topic).map_or_else(Vec::new, |room| room.of(key))))
    }

    /// Who comes and goes on a topic: the list first, then diffs.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn presence_changes(&self, topic: &str) -> Result<PresenceChanges, PresenceError> {
        Ok(PresenceChanges::new(Arc::clone(&self.shared), TopicName::new(topic)?))
    }
}
