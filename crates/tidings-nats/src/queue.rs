//! What waits to be given to the client.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_nats::Client;
use bytes::Bytes;
use tidings::{Me, SendError};
use tokio::sync::mpsc::{Receiver, Sender, channel, error::TrySendError};

use crate::{letter, subjects::Subjects};

/// Frames that wait: some seconds of a busy node.
const FRAMES_MAX: usize = 4_096;

/// Bytes of frames that wait.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Signs of life and answers that wait: more than a second's in a large cluster.
const WORDS_MAX: usize = 1_024;

/// The near end of the queue. One for all peers, for there is one connection: a peer that takes nothing is the server's
/// matter, which drops what it cannot pass on and cuts that peer off in the end.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    frames: Sender<Post>,
    words: Sender<(String, Bytes)>,
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Post {
    Frame(Me, Bytes),
    /// The node stops: said to this one, behind its last frame.
    Goodbye(Me),
}

/// The far end.
#[derive(Debug)]
pub(crate) struct Pump {
    frames: Receiver<Post>,
    words: Receiver<(String, Bytes)>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    pub(crate) fn new() -> (Self, Pump) {
        let ((frames, queued), (words, said)) = (channel(FRAMES_MAX), channel(WORDS_MAX));
        let bytes = Arc::<AtomicUsize>::default();
        (Self { frames, words, bytes: bytes.clone() }, Pump { frames: queued, words: said, bytes })
    }

    /// Queues a frame, if there is room.
    pub(crate) fn push(&self, to: Me, frame: Bytes) -> Result<(), SendError> {
        let size = frame.len();
        let waiting = self.bytes.fetch_add(size, Ordering::Relaxed);
        let result = match waiting + size > BYTES_MAX {
            true => Err(SendError::Full),
            false => self.frames.try_send(Post::Frame(to, frame)).map_err(|error| match error {
                TrySendError::Full(_) => SendError::Full,
                TrySendError::Closed(_) => SendError::Unknown,
            }),
        };
        if result.is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        result
    }

    /// Queues a goodbye behind the frames.
    pub(crate) async fn say_goodbye(&self, to: Me) {
        // An error is a pump that has ended: nobody can be told.
        let _ = self.frames.send(Post::Goodbye(to)).await;
    }

    /// Says a word that overtakes frames. Where nothing goes out it is dropped: the next one says the same.
    pub(crate) fn say(&self, subject: String, word: impl Into<Bytes>) {
        if self.words.try_send((subject, word.into())).is_err() {
            tracing::debug!("a sign of life was dropped: nothing goes out to the server");
        }
    }
}

impl Pump {
    /// Gives what is queued to the client, which makes its caller wait where the server takes nothing. Ends when the
    /// queue's near end is gone and everything in it has been given.
    pub(crate) async fn run(mut self, client: Client, subjects: Subjects, me: Me) {
        let mut number = 0;
        loop {
            let post = tokio::select! {
                biased;
                Some((subject, word)) = self.words.recv() => {
                    give(&client, subject, word).await;
                    continue;
                }
                post = self.frames.recv() => post,
            };
            match post {
                None => return,
                Some(Post::Goodbye(to)) => give(&client, subjects.frames(&to), letter::goodbye(&me)).await,
                Some(Post::Frame(to, frame)) => {
                    number += 1;
                    let subject = subjects.frames(&to);
                    for piece in letter::cut(&me, number, &frame, client.max_payload()) {
                        give(&client, subject.clone(), piece).await;
                    }
                    self.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
                }
            }
        }
    }
}

async fn give(client: &Client, subject: String, bytes: Bytes) {
    if let Err(error) = client.publish(subject, bytes).await {
        // A hole like any other.
        tracing::debug!(%error, "the client takes nothing");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_has_a_bound() {
        let (queue, pump) = Queue::new();
        let to = || Me { node: "beta".parse().unwrap(), epoch: 1 };
        let half = Bytes::from(vec![0; BYTES_MAX / 2]);
        assert_eq!(queue.push(to(), half.clone()), Ok(()));
        assert_eq!(queue.push(to(), half.clone()), Ok(()));
        assert_eq!(queue.push(to(), Bytes::from_static(b"x")), Err(SendError::Full));
        assert!((2..FRAMES_MAX).all(|_| queue.push(to(), Bytes::new()).is_ok()), "what was refused takes no room");
        assert_eq!(queue.push(to(), Bytes::new()), Err(SendError::Full));
        drop(pump);
        assert_eq!(queue.push(to(), Bytes::new()), Err(SendError::Unknown));
    }
}
