//! What a carrier tells its hub.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tidings_wire::NodeName;
use tokio::sync::mpsc;

/// Frames that wait for the hub: a burst of all peers at once. What comes above that is dropped, and repaired.
pub(crate) const FRAMES_MAX: usize = 4_096;

/// Bytes of frames that wait for the hub.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// What happened at the carrier.
#[derive(Debug)]
pub(crate) enum Happened {
    Up(NodeName),
    Down(NodeName, String),
    Frame(NodeName, Bytes),
    Taken,
}

/// A carrier's way to its hub. Cheap to clone; no call waits.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Without a bound, so that no verdict is lost: a carrier tells each once. Frames are counted beside it.
    sender: mpsc::UnboundedSender<Happened>,
    waiting: Arc<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: AtomicUsize,
    bytes: AtomicUsize,
}

/// The hub's end of it.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: mpsc::UnboundedReceiver<Happened>,
    waiting: Arc<Waiting>,
}

impl Inbound {
    pub(crate) fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::<Waiting>::default();
        (Self { sender, waiting: waiting.clone() }, Inbox { receiver, waiting })
    }

    /// A node can be reached.
    pub fn up(&self, node: NodeName) {
        self.tell(Happened::Up(node));
    }

    /// A node cannot be reached any more; why, as far as that is known, is for people.
    pub fn down(&self, node: NodeName, reason: impl Into<String>) {
        self.tell(Happened::Down(node, reason.into()));
    }

    /// An older node of this one's name is found, and answers: this one leaves the cluster.
    /// [`Hub::is_taken`](crate::Hub::is_taken) then says so.
    pub fn taken(&self) {
        self.tell(Happened::Taken);
    }

    /// A frame came from a node. Says whether there was room for it; if not, it is dropped.
    pub fn received(&self, from: NodeName, frame: Bytes) -> bool {
        let Waiting { frames, bytes } = &*self.waiting;
        let size = frame.len();
        // Both are counted before either is looked at: what is refused is taken off both again.
        let frames = frames.fetch_add(1, Ordering::Relaxed);
        let bytes = bytes.fetch_add(size, Ordering::Relaxed);
        if frames >= FRAMES_MAX || bytes + size > BYTES_MAX {
            self.waiting.less(size);
            return false;
        }
        self.tell(Happened::Frame(from, frame));
        true
    }

    fn tell(&self, happened: Happened) {
        // The hub is gone: nobody needs to know.
        let _ = self.sender.send(happened);
    }
}

impl Waiting {
    fn less(&self, size: usize) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Inbox {
    /// What happened next; `None` once the carrier has let go of its end.
    pub(crate) async fn next(&mut self) -> Option<Happened> {
        let happened = self.receiver.recv().await;
        self.taken(happened.as_ref());
        happened
    }

    /// The same, if it has already happened.
    pub(crate) fn try_next(&mut self) -> Option<Happened> {
        let happened = self.receiver.try_recv().ok();
        self.taken(happened.as_ref());
        happened
    }

    fn taken(&self, happened: Option<&Happened>) {
        if let Some(Happened::Frame(_, frame)) = happened {
            self.waiting.less(frame.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_a_bound_and_verdicts_none() {
        let (inbound, mut inbox) = Inbound::new();
        let node = NodeName::new("alpha").unwrap();
        let frame = || inbound.received(node.clone(), Bytes::from_static(b"x"));
        assert!((0..FRAMES_MAX).all(|_| frame()));
        assert!(!frame());
        inbound.down(node.clone(), "a test");
        assert!(matches!(inbox.try_next(), Some(Happened::Frame(..))));
        assert!(frame(), "there is room again");
        let rest = std::iter::from_fn(|| inbox.try_next()).collect::<Vec<_>>();
        assert_eq!(rest.len(), FRAMES_MAX + 1);
        assert!(rest.iter().any(|happened| matches!(happened, Happened::Down(..))));
        let large = Bytes::from(vec![0; BYTES_MAX + 1]);
        assert!(!inbound.received(node.clone(), large));
        assert!(frame(), "what was refused takes no room");
    }
}
