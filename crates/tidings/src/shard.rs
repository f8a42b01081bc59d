//! Shards: they own the readers, and wake them after a publish.
//!
//! A publish only appends and puts the topic into each shard's inbox. A shard then
//! 1. takes its inbox and the log's index M, in one step under the log's lock;
//! 2. introduces every taken topic that is new to the readers whose patterns match, and marks it in the mailboxes of
//!    its readers;
//! 3. only then lets its readers read up to M, and wakes those that it marked.
//!
//! A reader thus never sees a part of what happened up to M: it merges all its marked topics in
//! index order, and the cursor that it passes on covers nothing that it was not handed.

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::sync::Notify;

use crate::{
    counters::{KINDS, Told},
    lock,
    mailbox::Mailbox,
    plant::{Plant, planted},
    shared::Shared,
    sync::{AtomicU64, Mutex},
    topic::Topic,
};

/// What a shard shares with its readers and with publishers.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Up to this index all topics are marked in the mailboxes of the shard's readers.
    pub(crate) marked: AtomicU64,
    /// A publish has filled the inbox. Remembers one wake-up, so none is lost while the shard works.
    pub(crate) wake: Notify,
    /// What this shard's readers were told, by kind. Apart from the index, which all of them look at.
    pub(crate) told: Box<[Told; KINDS.len()]>,
    /// Gaps that its readers were told on whole patterns.
    pub(crate) pattern_gaps: AtomicU64,
    /// Held through a round: one round of a shard follows another. Where only its task runs them, that is so anyway.
    #[cfg(any(test, feature = "testing"))]
    in_round: Mutex<()>,
    /// Readers that wait for the next round, whatever is published: who holds a pattern knows all topics up to a place
    /// only when its shard has come there. Locked for a push or a take, under no other lock.
    asking: Mutex<Vec<Arc<Mailbox>>>,
}

impl Shard {
    /// Wakes this reader after a round that begins after this call.
    pub(crate) fn ask(&self, mailbox: &Arc<Mailbox>) {
        lock(&self.asking).push(mailbox.clone());
        self.wake.notify_one();
    }
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
        #[cfg(any(test, feature = "testing"))]
        let in_round = lock(&shared.shards[shard].in_round);
        // Before the inbox: who asked until now is woken after what was published until now is marked.
        let mut asking = std::mem::take(&mut *lock(&shared.shards[shard].asking));
        let mut marked = shared.log().take_inbox(shard, &mut self.topics);
        if planted(Plant::IndexAfterInbox) {
            marked = shared.place().0.index;
        }
        if planted(Plant::IndexBeforeMarks) {
            shared.shards[shard].marked.store(marked, Ordering::Release);
        }
        let busy = !self.topics.is_empty() || !asking.is_empty();
        for topic in self.topics.drain(..) {
            if topic.is_introduced_now(shard) {
                let most = shared.limits.reader_topics_max;
                shared.patterns.introduce(shard, &topic, most, &mut self.mailboxes);
            }
            topic.mark(shard, &mut self.mailboxes);
        }
        self.mailboxes.append(&mut asking);
        if planted(Plant::WakeBeforeIndex) {
            self.mailboxes.drain(..).for_each(|mailbox| mailbox.wake());
        }
        // Release: a reader that sees this index also sees the marks made above.
        shared.shards[shard].marked.store(marked, Ordering::Release);
        // A waker is somebody else's code.
        #[cfg(any(test, feature = "testing"))]
        drop(in_round);
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
