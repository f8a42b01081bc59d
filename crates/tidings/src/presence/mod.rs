//! Presence: who is on a topic, on every node, without ghosts.
//!
//! # How it stays whole
//! - Each node is the only writer of its own entries. It keeps a log of their changes, and every change has a number.
//!   Peers are sent what changed in a range of numbers, each entry as it is by then, and apply a range only where they
//!   have reached its beginning.
//! - A head says how far the log has come, with a digest of the entries: so the loss of the last change is found, and
//!   whatever else made a difference. Who lacks something asks. What is too long ago comes as a list, in pages; an entry
//!   that the list does not name is gone once it is through.
//! - An entry has a reference that its page made up. Held by two nodes it is one entry: what is held is shown before
//!   what fades, and then the newer.
//! - What is let go of **fades** for the grace, where its page may come back: its stream ended, or its node cannot be
//!   reached. It leaves once, unless the same reference is held somewhere by then.
//!
//! # What is deliberately absent
//! Presence has no cursor and no replay: who watches has a list, and diffs that lead from it to the next list. Nothing
//! here touches the node log's lock, so that a storm of joins delays no publish; the log's lock may be held while this
//! one is not, and never the other way round.

mod changes;
mod copy;
mod core;
mod entry;
mod error;
mod hub;
mod own;
mod room;
mod table;
#[cfg(test)]
mod tests;
mod tracked;
mod word;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tidings_wire::{NodeName, OriginTag};
pub use tidings_wire::{Reference, ReferenceError};
use tokio::sync::Notify;

pub use changes::{PresenceChange, PresenceChanges};
pub use entry::Presence;
pub(crate) use entry::{Hold, Id, State, digest};
pub use error::PresenceError;
pub use hub::random_reference;
pub use tracked::Tracked;
pub(crate) use word::{Change, Changes, Word};

pub(crate) use self::core::{Core, How, Refusal};
use crate::{Limits, cluster::Send, lock, log::Now, shared::Shared, sync::Mutex};

/// What happened to a node, or came from one.
#[derive(Debug)]
pub(crate) enum Happened {
    /// It can be reached, or another start of it speaks.
    Up(NodeName),
    /// It cannot be reached, or is not heard any more.
    Down(NodeName),
    /// It stops in order.
    Left(NodeName),
    /// It said something, in this start of it.
    Said(NodeName, OriginTag, Word),
    /// This node has left the cluster.
    Alone,
}

/// A hub's presences: the core, its lock, and what wakes the task beside it.
#[derive(Debug)]
pub(crate) struct Presences {
    /// Locked for one entry, one frame or one list; never across an await, and no other lock under it.
    core: Mutex<Core>,
    /// The core's alarm is earlier than the task knows.
    sooner: Arc<Notify>,
}

impl Presences {
    pub(crate) fn new(me: OriginTag, limits: &Limits) -> Self {
        Self { core: Mutex::new(Core::new(me, limits)), sooner: Arc::default() }
    }

    /// What was due is done, then this; who is to be waked is waked when the lock is free. Says too whether there is
    /// something to be sent.
    pub(crate) fn with<R>(&self, now: Now, act: impl FnOnce(&mut Core) -> R) -> (R, bool) {
        let mut core = lock(&self.core);
        let (head, alarm_ms) = (core.own.head, core.alarm_ms);
        core.tick(now.monotonic_ms);
        let done = act(&mut core);
        let (wake, sends, sooner) =
            (std::mem::take(&mut core.table.wake), core.own.head != head, core.alarm_ms < alarm_ms);
        drop(core);
        if sooner {
            self.sooner.notify_one();
        }
        wake.into_iter().for_each(std::task::Waker::wake);
        (done, sends)
    }

    /// What happened in an event of the cluster, and what is to be sent after it. Gives the nodes whose words are refused, and
    /// whether this node has all lists now that it lacked before.
    pub(crate) fn handle(
        &self,
        limits: &Limits,
        now: Now,
        happened: Vec<Happened>,
        send: &mut Vec<Send>,
    ) -> (Vec<(NodeName, Refusal)>, bool) {
        let (handled, _) = self.with(now, |core| {
            let (mut refused, had) = (Vec::new(), core.has_caught_up());
            for happened in happened {
                let from = match &happened {
                    Happened::Said(node, ..) => Some(node.clone()),
                    _ => None,
                };
                let done = core.happened(limits, now, happened, send);
                refused.extend(from.zip(done.err()));
            }
            core.flush(now, send);
            (refused, core.has_caught_up() && !had)
        });
        handled
    }

    /// Wakes the task, which sees that the hub is gone.
    pub(crate) fn end(&self) {
        self.sooner.notify_one();
    }
}

/// Ends graces and pauses in time, until the hub is gone. A cluster's ticks do that too; a node alone has none.
pub(crate) async fn run(hub: Weak<Shared>) {
    loop {
        // The hub is not held while waiting, so that dropping its last handle ends this task.
        let (sooner, wait_ms) = match hub.upgrade() {
            Some(shared) => {
                let now = shared.now();
                let alarm_ms = shared.presence(|core, _| core.alarm_ms);
                (shared.presences.sooner.clone(), alarm_ms.saturating_sub(now.monotonic_ms))
            }
            None => return,
        };
        match wait_ms {
            // Nothing is due by itself.
            FAR_MS.. => sooner.notified().await,
            _ => {
                let wait = Duration::from_millis(wait_ms.max(1));
                // Either is a reason to look again.
                let _ = tokio::time::timeout(wait, sooner.notified()).await;
            }
        }
    }
}

/// What is further away than any grace counts as never.
const FAR_MS: u64 = 1 << 40;

impl Shared {
    /// One step of presence; peers are told of what it changed.
    pub(crate) fn presence<R>(&self, act: impl FnOnce(&mut Core, Now) -> R) -> R {
        let now = self.now();
        let (done, sends) = self.presences.with(now, |core| act(core, now));
        if sends {
            self.outgoing.notify_one();
        }
        done
    }
}
