//! Frames on their way to one peer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use bytes::Bytes;
use tidings::SendError;
use tokio::sync::oneshot;
use zenoh::{Wait as _, pubsub::Publisher};

/// Frames that wait for one peer: some seconds of a busy node.
const FRAMES_MAX: usize = 4_096;

/// Bytes of frames that wait for one peer.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The near end of a queue. The far end is a thread, for Zenoh makes its caller wait where a peer is slow: dropping this
/// ends it, after what is queued has gone.
#[derive(Debug)]
pub(crate) struct Queue {
    frames: SyncSender<Bytes>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    /// Begins a queue; the receiver says when its thread has ended.
    pub(crate) fn begin(publisher: Publisher<'static>) -> std::io::Result<(Self, oneshot::Receiver<()>)> {
        let (frames, queued) = sync_channel(FRAMES_MAX);
        let bytes = Arc::<AtomicUsize>::default();
        let (ended, has_ended) = oneshot::channel();
        let waiting = bytes.clone();
        std::thread::Builder::new().name("tidings-link".to_owned()).spawn(move || {
            drain(&queued, &waiting, &publisher);
            // Nobody has to wait for it.
            let _ = ended.send(());
        })?;
        Ok((Self { frames, bytes }, has_ended))
    }

    /// Queues a frame, if there is room.
    pub(crate) fn push(&self, frame: Bytes) -> Result<(), SendError> {
        let size = frame.len();
        let waiting = self.bytes.fetch_add(size, Ordering::Relaxed);
        let result = match waiting + size > BYTES_MAX {
            true => Err(SendError::Full),
            false => self.frames.try_send(frame).map_err(|error| match error {
                TrySendError::Full(_) => SendError::Full,
                TrySendError::Disconnected(_) => SendError::Unknown,
            }),
        };
        if result.is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        result
    }
}

fn drain(queued: &Receiver<Bytes>, waiting: &AtomicUsize, publisher: &Publisher<'static>) {
    for frame in queued {
        let size = frame.len();
        if let Err(error) = publisher.put(frame).wait() {
            tracing::debug!(%error, "a link takes no more frames");
            return;
        }
        waiting.fetch_sub(size, Ordering::Relaxed);
    }
}
