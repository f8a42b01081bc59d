//! Questions to other nodes that wait for an answer. How they travel is the caller's matter: by direct messages, mostly.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::{Hub, lock, sync::Mutex};

/// Questions that may be open at once: as many as messages for single nodes wait in the hub.
pub const QUESTIONS_MAX: usize = 1_024;

/// The questions of one node that are open. A question and its answer may both be lost, as a
/// [direct message](Hub::direct_broadcast) may: so each is waited for within a time.
///
/// ```
/// use std::time::Duration;
/// use tidings::{Hub, Questions};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let questions = Questions::new(&Hub::solo("alpha")?);
/// let question = questions.open().ok_or("too many are open")?;
/// // The number travels with the question, and comes back with the answer.
/// let number = question.number();
/// questions.answer(number, "yes");
/// assert_eq!(question.answered(Duration::from_secs(2)).await, Some("yes"));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Questions<A> {
    /// Begins with the epoch, so that an answer to the node's last life is not taken for one to this.
    next: AtomicU64,
    /// Locked for a step in the map, never across an await.
    waiting: Mutex<HashMap<u64, oneshot::Sender<A>>>,
}

/// A question that is open; forgotten when it is dropped, and so when its asker goes away.
#[derive(Debug)]
pub struct Question<'a, A> {
    questions: &'a Questions<A>,
    number: u64,
    told: oneshot::Receiver<A>,
}

impl<A> Questions<A> {
    /// Those of a node: none yet.
    #[must_use]
    pub fn new(hub: &Hub) -> Self {
        Self { next: AtomicU64::new(hub.epoch()), waiting: Mutex::default() }
    }

    /// Opens one; `None` while [`QUESTIONS_MAX`] are open.
    #[must_use]
    pub fn open(&self) -> Option<Question<'_, A>> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= QUESTIONS_MAX {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        waiting.insert(number, tell);
        drop(waiting);
        Some(Question { questions: self, number, told })
    }

    /// An answer has come. To one that nobody waits for any more, nothing happens.
    pub fn answer(&self, number: u64, answer: A) {
        let tell = lock(&self.waiting).remove(&number);
        if let Some(tell) = tell {
            // Who asked may have gone this moment.
            let _ = tell.send(answer);
        }
    }
}

impl<A> Question<'_, A> {
    /// Its number, unique among those of this start of the node.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Waits for the answer; `None` when none came in time.
    pub async fn answered(mut self, within: Duration) -> Option<A> {
        timeout(within, &mut self.told).await.ok()?.ok()
    }
}

impl<A> Drop for Question<'_, A> {
    fn drop(&mut self) {
        lock(&self.questions.waiting).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn questions_have_a_bound_and_are_forgotten_with_their_askers() {
        let questions = Questions::<u64>::new(&Hub::solo("alpha").unwrap());
        let open: Vec<_> = std::iter::from_fn(|| questions.open()).collect();
        assert_eq!(open.len(), QUESTIONS_MAX);
        drop(open);
        let question = questions.open().unwrap();
        questions.answer(question.number() + 1, 7);
        assert_eq!(question.answered(Duration::ZERO).await, None, "an answer to another question is none");
        assert!(lock(&questions.waiting).is_empty());
    }
}
