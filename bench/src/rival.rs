//! Three ways to tell many readers: the hub, a broadcast channel, a channel for each reader.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tidings::{Delivery, Hub, Payload};
use tokio::sync::{Notify, broadcast, mpsc};

use crate::{BURST, payload};

/// Counts what all readers got, and wakes who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    got: AtomicU64,
    wanted: AtomicU64,
    reached: Notify,
}

impl Tally {
    pub(crate) fn add(&self, count: u64) {
        let got = self.got.fetch_add(count, Ordering::AcqRel) + count;
        if got == self.wanted.load(Ordering::Acquire) {
            self.reached.notify_one();
        }
    }

    /// Wants so many more than before; call before they are published.
    pub(crate) fn want(&self, more: u64) {
        self.wanted.fetch_add(more, Ordering::AcqRel);
    }

    /// Waits until all have it.
    pub(crate) async fn reached(&self) {
        while self.got.load(Ordering::Acquire) < self.wanted.load(Ordering::Acquire) {
            self.reached.notified().await;
        }
    }
}

/// One way to tell many readers.
pub(crate) enum Rival {
    Hub(Hub, Payload),
    Broadcast(broadcast::Sender<Payload>, Payload),
    Channels(Vec<mpsc::UnboundedSender<Payload>>, Payload),
}

pub(crate) const NAMES: [&str; 3] = ["tidings", "broadcast", "channels"];

impl Rival {
    /// Makes one with so many readers, each a task.
    pub(crate) fn new(name: &str, readers: usize, tally: &Arc<Tally>) -> Self {
        match name {
            "tidings" => {
                let hub =
                    Hub::builder("bench").expect("a plain name").limits(|limits| limits.readers_max = readers).build();
                for _ in 0..readers {
                    let mut subscription = hub.subscribe("bench/one").expect("inside the limits");
                    let tally = tally.clone();
                    tokio::spawn(async move {
                        loop {
                            match subscription.next().await {
                                Delivery::Message(_) => tally.add(1),
                                other => panic!("nothing is lost in a burst of {BURST}: {other:?}"),
                            }
                        }
                    });
                }
                Self::Hub(hub, payload())
            }
            "broadcast" => {
                let (sender, _) = broadcast::channel::<Payload>(2 * BURST);
                for _ in 0..readers {
                    let (mut receiver, tally) = (sender.subscribe(), tally.clone());
                    tokio::spawn(async move {
                        while receiver.recv().await.is_ok() {
                            tally.add(1);
                        }
                    });
                }
                Self::Broadcast(sender, payload())
            }
            _ => {
                let mut senders = Vec::with_capacity(readers);
                for _ in 0..readers {
                    let (sender, mut receiver) = mpsc::unbounded_channel::<Payload>();
                    senders.push(sender);
                    let tally = tally.clone();
                    tokio::spawn(async move {
                        while receiver.recv().await.is_some() {
                            tally.add(1);
                        }
                    });
                }
                Self::Channels(senders, payload())
            }
        }
    }

    /// Publishes a burst and waits until every reader has it.
    pub(crate) async fn burst(&self, readers: usize, tally: &Tally) {
        tally.want((BURST * readers) as u64);
        for _ in 0..BURST {
            match self {
                Self::Hub(hub, payload) => {
                    hub.broadcast("bench/one", payload.clone()).expect("inside the limits");
                }
                Self::Broadcast(sender, payload) => {
                    let _ = sender.send(payload.clone());
                }
                Self::Channels(senders, payload) => senders.iter().for_each(|sender| {
                    let _ = sender.send(payload.clone());
                }),
            }
        }
        tally.reached().await;
    }
}
