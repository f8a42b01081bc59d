//! The task that writes a node's messages into a journal, after they are published.
//!
//! It asks the log what lies above the stamp up to which everything is written, as a peer would, writes it, and goes on
//! from there. What fails is asked for again. So nothing waits in a queue here: what the journal does not take lies where
//! it lies for a peer that is away, in the resend buffer and the rings, and what goes from there is told as gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    time::Duration,
};

use tidings_wire::{OriginTag, TopicName};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{Journal, JournalError, Record};
use crate::{
    cluster::{Batch, Note, is_due},
    shared::Shared,
};

/// How often a mark follows what was written, and those that are due are looked for, in milliseconds.
const MARK_MS: u64 = 100;

/// How often a mark is written where nothing was: it tells that its origin lives.
const ALIVE_MS: u64 = 60_000;

/// How often it is looked what dead origins have left, in milliseconds.
const CHARGES_MS: u64 = 1_000;

/// Records that are written at once, and their bytes, after which no further one is taken.
const RECORDS_AT_ONCE: usize = 512;
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// For how long a write is waited for.
const WRITE_WAIT: Duration = Duration::from_secs(20);

/// The pause after a write that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// For how long a node that stops waits until all of it is written.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// Values that the journal is told to forget at once, each tick.
const STALE_AT_ONCE: usize = 64;

/// What was found in the journal at the start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Up to where each origin is written.
    pub(crate) written: BTreeMap<OriginTag, u64>,
    /// Values that need not be kept.
    pub(crate) stale: Vec<(OriginTag, TopicName)>,
}

/// A hub's scribe.
#[derive(Debug)]
pub(crate) struct Scribe {
    hub: Weak<Shared>,
    journal: Arc<dyn Journal>,
    /// Something was published.
    published: Arc<Notify>,
    /// Of this node: everything up to here is written, and no stamp above that was tried.
    written: u64,
    tried: u64,
    /// Up to here the journal itself says so, by a mark or by what a later record tells: who reads it goes by that.
    told: u64,
    /// Of this node's messages on Events topics, those up to here may be lost to the journal.
    lost: u64,
    /// What the last mark says.
    marked: (u64, u64),
    marked_ms: Option<u64>,
    alive_ms: Option<u64>,
    /// Of other origins: up to where they are written, as far as was read.
    others: BTreeMap<OriginTag, u64>,
    charges_ms: Option<u64>,
    stale: Vec<(OriginTag, TopicName)>,
    /// Dead origins of which this node has written that it tells readers of their death.
    settled: BTreeSet<OriginTag>,
    /// After a failure: when to try again.
    paused_until: Option<Instant>,
}

impl Scribe {
    pub(crate) fn new(hub: &Arc<Shared>, journal: Arc<dyn Journal>, published: Arc<Notify>, found: Found) -> Self {
        Self {
            hub: Arc::downgrade(hub),
            journal,
            published,
            written: 0,
            tried: 0,
            told: 0,
            lost: 0,
            marked: (0, 0),
            marked_ms: None,
            alive_ms: None,
            others: found.written,
            charges_ms: None,
            stale: found.stale,
            settled: BTreeSet::new(),
            paused_until: None,
        }
    }

    /// Runs until the hub is gone, has left its cluster, or is told to stop.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<oneshot::Sender<()>>) {
        let mut tick = interval(Duration::from_millis(MARK_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = tokio::select! {
                () = self.published.notified() => None,
                _ = tick.tick() => None,
                done = &mut stop => Some(done.ok()),
            };
            // The hub is not held while waiting, so that dropping its last handle ends this task.
            let Some(shared) = self.hub.upgrade() else { return };
            match stopped {
                // Its name is another's now, and so is its place.
                _ if shared.log().cluster.as_ref().is_none_or(|cluster| cluster.taken) => return,
                None if self.paused_until.is_some_and(|until| Instant::now() < until) => {}
                None => self.tried_to(&shared, false).await,
                Some(done) => {
                    if timeout(STOP_WAIT, self.tried_to(&shared, true)).await.is_err() {
                        tracing::warn!("this node stops before all that it published is in the journal");
                    }
                    // Who waited for it may have given up.
                    let _ = done.map(|done| done.send(()));
                    return;
                }
            }
        }
    }

    /// Writes what is due, and says what came of it.
    async fn tried_to(&mut self, shared: &Shared, is_last: bool) {
        let result = self.write_all(shared, is_last).await;
        self.paused_until = result.as_ref().err().map(|_| Instant::now() + PAUSE);
        if let Err(JournalError::Gone(_)) = &result {
            // From the beginning: what is not here any more is told as lost.
            (self.written, self.told, self.marked) = (0, 0, (0, 0));
            self.others.clear();
            self.settled.clear();
        }
        let (told, lost) = (self.told, self.lost);
        shared.journaled(|info| {
            (info.written, info.lost) = (told, lost);
            if let Err(error) = &result {
                info.failures += 1;
                // Of many, few are told.
                if info.failures.is_power_of_two() {
                    let failures = info.failures;
                    tracing::error!(%error, failures, "nothing is written into the journal; trying again");
                }
            } else if info.trouble.is_some() {
                tracing::info!(written = told, "the journal takes what is published again");
            }
            info.trouble = result.err().map(|error| error.to_string());
        });
    }

    async fn write_all(&mut self, shared: &Shared, is_last: bool) -> Result<(), JournalError> {
        loop {
            let batch = shared.to_write(shared.origin, self.written);
            if batch.to <= self.written {
                break;
            }
            self.write_own(shared, batch).await?;
        }
        let now = shared.now();
        let is_news = (self.written, self.lost) != self.marked;
        let is_alive_due = self.alive_ms.is_none_or(|last| last + ALIVE_MS <= now.monotonic_ms);
        if is_last || (is_news || is_alive_due) && is_due(&mut self.marked_ms, now, MARK_MS) {
            let mark = shared.mark(shared.origin, self.written, self.lost, is_last, 0);
            self.append(mark.into_iter().collect()).await?;
            self.marked = (self.written, self.lost);
            self.told = self.written;
            self.alive_ms = Some(now.monotonic_ms);
        }
        if is_due(&mut self.charges_ms, now, CHARGES_MS) && !is_last {
            for (origin, has, dead_ms) in shared.died() {
                let written = self.others.get(&origin).copied().unwrap_or(0).min(has);
                if !self.settled.contains(&origin) {
                    self.append(shared.mark(origin, written, 0, true, dead_ms).into_iter().collect()).await?;
                    self.settled.insert(origin);
                }
            }
            for (origin, has, dead_ms) in shared.charges() {
                self.write_of(shared, origin, has, dead_ms).await?;
            }
        }
        if !is_last && !self.stale.is_empty() {
            let rest = self.stale.len().saturating_sub(STALE_AT_ONCE);
            // What fails is found again at the next start.
            self.journal.forget(self.stale.split_off(rest)).await?;
        }
        Ok(())
    }

    /// Writes what this node published.
    async fn write_own(&mut self, shared: &Shared, batch: Batch) -> Result<(), JournalError> {
        let (origin, to) = (shared.origin, batch.to);
        if batch.lost > self.lost {
            let lost = batch.lost;
            tracing::error!(lost, "messages went before they were in the journal: who is served from it is told a gap");
            // Before any record that says that more is written.
            self.append(shared.mark(origin, self.written, lost, false, 0).into_iter().collect()).await?;
            self.lost = lost;
        }
        if let Some(holds) = batch.holds {
            self.append(shared.holds_record(holds).into_iter().collect()).await?;
        }
        let mut entries = batch.entries.into_iter().peekable();
        while entries.peek().is_some() {
            let (mut records, mut bytes, mut last) = (Vec::new(), 0, self.written);
            while records.len() < RECORDS_AT_ONCE && bytes < BYTES_AT_ONCE {
                let Some((kind, entry)) = entries.next() else { break };
                last = entry.stamp();
                let record = shared.message(origin, self.written, self.tried, kind, entry);
                self.tried = self.tried.max(last);
                match record {
                    Some(record) => {
                        bytes += record.bytes.len();
                        records.push(record);
                    }
                    None => self.lost = last.max(self.lost),
                }
            }
            self.append(records).await?;
            self.told = self.written;
            self.written = last;
        }
        self.written = to;
        Ok(())
    }

    /// Writes what a dead origin has not come to.
    async fn write_of(
        &mut self,
        shared: &Shared,
        origin: OriginTag,
        has: u64,
        dead_ms: u64,
    ) -> Result<(), JournalError> {
        if self.others.get(&origin).is_some_and(|written| *written >= has) {
            return Ok(());
        }
        let mut written = 0;
        for bytes in self.journal.marks(origin).await? {
            match Note::decode(&bytes) {
                Ok(Note::Mark(mark)) => written = mark.decided.max(written),
                Ok(_) => tracing::error!("a mark of the journal is none"),
                Err(reason) => tracing::error!(reason, "a mark of the journal cannot be read"),
            }
        }
        if written < has {
            let batch = shared.to_write(origin, written);
            tracing::info!(%origin, written, to = batch.to, "a dead node's last messages are written into the journal");
            if let Some(holds) = batch.holds {
                self.append(shared.holds_record(holds).into_iter().collect()).await?;
            }
            // The dead one may have written more than is here.
            let record = |(kind, entry)| shared.message(origin, written, u64::MAX, kind, entry);
            let mut records = batch.entries.into_iter().filter_map(record).peekable();
            while records.peek().is_some() {
                self.append(records.by_ref().take(RECORDS_AT_ONCE).collect()).await?;
            }
            let mark = shared.mark(origin, batch.to, batch.lost, self.settled.contains(&origin), dead_ms);
            self.append(mark.into_iter().collect()).await?;
            written = batch.to;
        }
        self.others.insert(origin, written);
        Ok(())
    }

    async fn append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        if records.is_empty() {
            return Ok(());
        }
        let late = |_| JournalError::Other(format!("it does not answer within {WRITE_WAIT:?}"));
        timeout(WRITE_WAIT, self.journal.append(records)).await.map_err(late)?
    }
}
