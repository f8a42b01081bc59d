//! Shards: they own the readers, and wake them after a publish.
//!
//! A publish only appends and puts the topic into the inbox of each shard that it concerns. A shard then
//! 1. takes its inbox and the log's index M, in one step under the log's lock;
//! 2. introduces every taken topic that is new to the readers whose patterns match, and marks it in the mailboxes of
//!    its readers;
//! 3. only then lets its readers read up to M, and wakes those that it marked.
//!
//! A reader thus never sees a part of what happened up to M: it merges all its marked topics in
//! index order, and the cursor that it passes on covers nothing that it was not handed.
//!
//! Where a topic has one listener, to wake the shard's task costs more than its round. The publisher then does the round
//! itself: see [`OwnRound`].

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::sync::Notify;

use crate::{
    counters::{KINDS, Told},
    lock,
    log::NodeLog,
    mailbox::{Mailbox, Marked},
    plant::{Plant, planted},
    shared::Shared,
    sync::{AtomicU64, Mutex, MutexGuard},
    topic::Topic,
    try_lock,
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
    /// Held through a round, so that one round of a shard follows another; holds its number. Taken before the log's lock
    /// by who waits for it; a publisher, who has that already, only tries.
    in_round: Mutex<u64>,
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

    /// The end of a round that has marked all up to an index: lets the readers read up to there, and wakes those that
    /// it marked.
    fn finish_round(&self, marked: u64, in_round: MutexGuard<'_, u64>, mailboxes: &mut Marked) {
        if planted(Plant::WakeBeforeIndex) {
            mailboxes.wake();
        }
        // Release: a reader that sees this index also sees the marks made before.
        self.marked.store(marked, Ordering::Release);
        // A waker is somebody else's code.
        drop(in_round);
        mailboxes.wake();
    }
}

/// Memory of a round, kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Round {
    topics: Vec<Arc<Topic>>,
    mailboxes: Marked,
}

impl Round {
    /// Does one round of a shard; says whether there was anything to do.
    pub(crate) fn run(&mut self, shared: &Shared, shard: usize) -> bool {
        let mut in_round = lock(&shared.shards[shard].in_round);
        *in_round += 1;
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
            if topic.is_introduced_now(shard) && !planted(Plant::TopicNotIntroduced) {
                let most = shared.limits.reader_topics_max;
                shared.patterns.introduce(shard, &topic, most, *in_round, &mut self.mailboxes);
            }
            topic.mark(shard, *in_round, &mut self.mailboxes);
        }
        asking.drain(..).for_each(|mailbox| self.mailboxes.push(mailbox));
        shared.shards[shard].finish_round(marked, in_round, &mut self.mailboxes);
        busy
    }
}

/// The round of a publish, done by the publisher itself.
///
/// The publisher holds the log's lock, and the shard's inbox is empty: to append the message is then to take an inbox
/// that holds its topic alone, together with the log's index, which is the message's. So step 1 of a round is done in
/// the critical section of the publish, provided that no other round of the shard is under way, and the other steps
/// come after it as they do in every round. Where the inbox is not empty, or the shard is in a round, or the topic is
/// new to patterns, the topic goes into the inbox as ever.
///
/// Only where one reader listens. With more of them one wake-up of the shard's task is little beside theirs, and the
/// task, which takes a burst in a few rounds, wakes them less often than a publisher would.
pub(crate) struct OwnRound<'a> {
    shard: usize,
    index: u64,
    in_round: MutexGuard<'a, u64>,
}

impl<'a> OwnRound<'a> {
    /// Begins the round of a topic with one listener, if it can be done here, and queues the topic otherwise. Under the
    /// log's lock, right after the message was appended.
    pub(crate) fn begin(shared: &'a Shared, log: &mut NodeLog, topic: &Arc<Topic>) -> Option<Self> {
        let heard = topic.heard();
        let shard = heard.trailing_zeros() as usize;
        let may = shared.own_rounds
            && topic.readers() == 1
            && heard.is_power_of_two()
            && !topic.is_unintroduced(shard)
            && (log.is_inbox_empty(shard) || planted(Plant::OwnRoundOverInbox));
        let in_round = if may { try_lock(&shared.shards[shard].in_round) } else { None };
        if in_round.is_none() {
            log.queue(topic);
        }
        in_round.map(|in_round| Self { shard, index: log.index(), in_round })
    }

    /// Does the rest of it, after the log's lock was released.
    pub(crate) fn run(self, shared: &Shared, topic: &Topic) {
        let Self { shard, index, mut in_round } = self;
        let mut mailboxes = Marked::default();
        *in_round += 1;
        if planted(Plant::IndexBeforeMarks) {
            shared.shards[shard].marked.store(index, Ordering::Release);
        }
        topic.mark(shard, *in_round, &mut mailboxes);
        shared.shards[shard].finish_round(index, in_round, &mut mailboxes);
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
