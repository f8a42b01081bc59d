//! An in-process journal, for tests of clusters that stop and start again.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tidings_wire::{OriginTag, TopicName};

use super::{BoxFuture, Journal, JournalError, Kept, Record, Shelf};
use crate::{
    cluster::Note,
    lock,
    sync::{AtomicBool, Mutex},
};

/// Records of one topic's history, unless a test says otherwise.
const HISTORY_MAX: usize = 1_000;

/// A journal inside one process. Cheap to clone; all clones are one, and so are all of its [ends](Self::end).
///
/// ```
/// use std::sync::Arc;
/// use tidings::{Hub, Journaled, testing::{Ledger, Mesh}, wire::{State, topics}};
/// # topics! { TITLE(board: u32): State<String> = "board/{board}/title"; }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (mesh, ledger) = (Mesh::default(), Ledger::default());
/// let hub = Hub::solo("alpha")?;
/// hub.serve(TITLE);
/// hub.connect(Journaled::new(mesh.carrier(), Arc::new(ledger.clone()))).await?;
/// hub.publish(&TITLE.at(7), &"Garden".to_owned())?;
/// hub.leave().await;
///
/// let again = Hub::solo("alpha")?;
/// again.serve(TITLE);
/// again.connect(Journaled::new(mesh.carrier(), Arc::new(ledger))).await?;
/// assert_eq!(again.value(&TITLE.at(7)).as_deref(), Some("Garden"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Written>>, Arc<AtomicBool>);

#[derive(Debug, Default)]
struct Written {
    /// Counts records, also those that went.
    count: u64,
    single: BTreeMap<String, (u64, Shelf, Bytes)>,
    history: BTreeMap<TopicName, Vec<(u64, Bytes)>>,
    history_max: Option<usize>,
    /// How many records it takes before it fails.
    room: Option<usize>,
    record_bytes_max: Option<usize>,
}

impl Ledger {
    /// Another end of it, that can be cut by itself: for a node that is to be killed.
    #[must_use]
    pub fn end(&self) -> Self {
        Self(self.0.clone(), Arc::default())
    }

    /// Nothing that is written by this end comes in any more.
    pub fn cut(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// Holds so many records of each topic's history.
    pub fn hold(&self, history_max: usize) {
        lock(&self.0).history_max = Some(history_max);
    }

    /// Takes so many more records, and then fails, in the middle of what is written; `None` for as many as come.
    pub fn room(&self, room: Option<usize>) {
        lock(&self.0).room = room;
    }

    /// Says that it takes records of so many bytes.
    pub fn record_bytes(&self, most: usize) {
        lock(&self.0).record_bytes_max = Some(most);
    }

    /// Up to which stamp an origin's messages are marked as written.
    #[must_use]
    pub fn marks_of(&self, origin: OriginTag) -> u64 {
        let marks = lock(&self.0).marks(origin);
        let decided = |bytes: &Bytes| match Note::decode(bytes) {
            Ok(Note::Mark(mark)) => mark.decided,
            _ => 0,
        };
        marks.iter().map(decided).max().unwrap_or(0)
    }

    /// How many records of values it holds.
    #[must_use]
    pub fn values(&self) -> usize {
        let is_value = |shelf: &Shelf| matches!(shelf, Shelf::Value { .. });
        lock(&self.0).single.values().filter(|(_, shelf, _)| is_value(shelf)).count()
    }

    /// Damages the bytes of every record of a topic's history.
    pub fn damage(&self, topic: &TopicName) {
        for (_, bytes) in lock(&self.0).history.get_mut(topic).into_iter().flatten() {
            *bytes = bytes.slice(..bytes.len() - 1);
        }
    }
}

impl Written {
    fn marks(&self, of: OriginTag) -> Vec<Bytes> {
        let is_mark = |shelf: &Shelf| matches!(shelf, Shelf::Mark { origin, .. } if *origin == of);
        let marks = self.single.values().filter(|(_, shelf, _)| is_mark(shelf));
        marks.map(|(_, _, bytes)| bytes.clone()).collect()
    }

    fn enter(&mut self, Record { shelf, bytes }: Record) {
        self.count += 1;
        let max = self.history_max.unwrap_or(HISTORY_MAX);
        let Shelf::History { topic, .. } = &shelf else {
            self.single.insert(format!("{shelf:?}"), (self.count, shelf, bytes));
            return;
        };
        let history = self.history.entry(topic.clone()).or_default();
        history.push((self.count, bytes));
        if history.len() > max {
            history.remove(0);
        }
    }
}

impl Journal for Ledger {
    fn read(&self) -> BoxFuture<'_, Result<Option<Kept>, JournalError>> {
        Box::pin(async {
            let written = lock(&self.0);
            let mut records: Vec<_> = written.single.values().map(|(at, _, bytes)| (*at, bytes.clone())).collect();
            records.sort_unstable_by_key(|(at, _)| *at);
            let mut history: Vec<_> = written.history.values().flatten().cloned().collect();
            history.sort_unstable_by_key(|(at, _)| *at);
            let records = records.into_iter().map(|(_, bytes)| bytes).collect();
            let history_max = written.history_max.unwrap_or(HISTORY_MAX);
            Ok(Some(Kept { records, history, history_max, is_torn: false }))
        })
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            let mut written = lock(&self.0);
            for record in records {
                // Looked at under the lock: what is written has been before it was cut.
                if self.1.load(Ordering::Relaxed) {
                    return Err(JournalError::Other("its writer is dead".to_owned()));
                }
                match &mut written.room {
                    Some(0) => return Err(JournalError::Full("a test says so".to_owned())),
                    Some(room) => *room -= 1,
                    None => {}
                }
                written.enter(record);
            }
            Ok(())
        })
    }

    fn marks(&self, of: OriginTag) -> BoxFuture<'_, Result<Vec<Bytes>, JournalError>> {
        Box::pin(async move { Ok(lock(&self.0).marks(of)) })
    }

    fn forget(&self, values: Vec<(OriginTag, TopicName)>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            let is_forgotten = |shelf: &Shelf| match shelf {
                Shelf::Value { origin, topic, .. } => values.contains(&(*origin, topic.clone())),
                _ => false,
            };
            lock(&self.0).single.retain(|_, (_, shelf, _)| !is_forgotten(shelf));
            Ok(())
        })
    }

    fn record_bytes_max(&self) -> BoxFuture<'_, Result<usize, JournalError>> {
        Box::pin(async { Ok(lock(&self.0).record_bytes_max.unwrap_or(usize::MAX)) })
    }
}
