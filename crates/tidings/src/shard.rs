//! Shards: they own the readers, and wake them after a publish.
//!
//! A publish only appends and puts the topic into each shard's inbox. A shard then
//! 1. takes its inbox and the log's index M, in one step under the log's lock;
//! 2. marks every taken topic in the mailboxes of its readers;
//! 3. only then lets its readers read up to M, and wakes those that it marked.
//!
//! A reader thus never sees a part of what happened up to M: it merges all its marked topics in
//! index order, and the cursor that it passes on covers nothing that it was not handed.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::{
    counters::{KINDS, Told},
    mailbox::Mailbox,
    shared::Shared,
    topic::Topic,
};

/// What a shard shares with its readers and with publishers.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Up to this index all topics are marked in the mailboxes of the shard's readers.
    pub(crate) marked: AtomicU64,
    /// A publish has filled the inbox. Remembers one wake-up, so none is lost while the shard works.
    pub(crate) wake: Notify,
    /// What this shard's readers were told, by kind.
    /// Apart from the index, which all of them look at.
    pub(crate) told: Box<[Told; KINDS.len()]>,
}

/// Memory of a round, kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Round {
    topics: Vec<Arc<Topic>>,
    mailboxes: Vec<Arc<Mailbox>>,
}

impl Round {
    /// Does one round of a shard; says whether there was anything to do.
    pub(crate) fn run(&mut self, shared: &Shared, shard: usize) -> bool {
        let marked = shared.log().take_inbox(shard, &mut self.topics);
        let busy = !self.topics.is_empty();
        for topic in self.topics.drain(..) {
            topic.mark(shard, &mut self.mailboxes);
        }
        // Release: a reader that sees this index also sees the marks made above.
        shared.shards[shard].marked.store(marked, Ordering::Release);
        for mailbox in self.mailboxes.drain(..) {
            mailbox.wake();
        }
        busy
    }
}

/// Runs a shard until its hub is gone.
pub(crate) async fn run(hub: Weak<Shared>, shard: usize) {
    let mut round = Round::default();
    loop {
        // The hub is not held while waiting, so that dropping its last handle ends this task.
        let wake = match hub.upgrade() {
            Some(shared) => {
                while round.run(&shared, shard) {
                    // A publisher that never stops must not keep this worker from the readers it woke.
                    tokio::task::yield_now().await;
                }
                shared.shards[shard].clone()
            }
            None => return,
        };
        wake.wake.notified().await;
    }
}
