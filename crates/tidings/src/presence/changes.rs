//! Those who watch a topic: a list first, then what changes of it.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use tidings_wire::TopicName;

use super::{Presence, room::Told};
use crate::shared::Shared;

/// What someone who watches is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChange {
    /// Everybody who is here, by key and reference. Comes first, and again where more has changed than is kept for who
    /// is slow: it replaces what was told before.
    List(Vec<Presence>),
    /// What has changed since. An entry that stands in both has been updated: it left as it was, and joined as it is.
    /// Take out `leaves` first, then put in `joins`.
    Diff {
        /// Who came, or is different now.
        joins: Vec<Presence>,
        /// Who went, or was different before.
        leaves: Vec<Presence>,
    },
}

/// Who comes and goes on a topic: [`Hub::presence_changes`](crate::Hub::presence_changes). A [`Stream`] that never ends.
///
/// Changes that come close together are told together: of a storm there are at most 20 diffs a second. What came and
/// went in between is not told. A slow reader holds nobody up: it is told what has become of each entry since, and
/// where more has changed than is kept ([`Limits::presence_changes_max`](crate::Limits)), the list anew.
pub struct PresenceChanges {
    shared: Arc<Shared>,
    topic: TopicName,
    watcher: usize,
}

impl PresenceChanges {
    pub(crate) fn new(shared: Arc<Shared>, topic: TopicName) -> Self {
        let watcher = shared.presence(|core, _| core.table.room_or_new(&topic).watch());
        Self { shared, topic, watcher }
    }

    /// The list, or the next diff.
    pub async fn next(&mut self) -> PresenceChange {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// The same for code with a task's context of its own: the waker is waked once there is something.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<PresenceChange> {
        let Self { shared, topic, watcher } = self;
        let told = shared.presence(|core, _| core.table.room_or_new(topic).tell(*watcher, context.waker()));
        match told {
            Some(Told::List(all)) => Poll::Ready(PresenceChange::List(all)),
            Some(Told::Diff { joins, leaves }) => Poll::Ready(PresenceChange::Diff { joins, leaves }),
            None => Poll::Pending,
        }
    }
}

impl Stream for PresenceChanges {
    type Item = PresenceChange;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<PresenceChange>> {
        self.poll(context).map(Some)
    }
}

impl Drop for PresenceChanges {
    fn drop(&mut self) {
        let Self { shared, topic, watcher } = self;
        shared.presence(|core, _| {
            core.table.room_or_new(topic).unwatch(*watcher);
            core.table.forget_empty(topic);
        });
    }
}

impl fmt::Debug for PresenceChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceChanges").field("topic", &self.topic).finish_non_exhaustive()
    }
}
