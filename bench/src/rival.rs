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

/// One way to tell many readers, of one topic or of many.
pub(crate) enum Rival {
    Hub(Hub, Vec<String>, Payload),
    Broadcast(Vec<broadcast::Sender<Payload>>, Payload),
    Channels(Vec<Vec<mpsc::UnboundedSender<Payload>>>, Payload),
}

pub(crate) const NAMES: [&str; 3] = ["tidings", "broadcast", "channels"];

impl Rival {
    /// Makes one with so many topics and so many readers each, each a task.
    pub(crate) fn new(name: &str, topics: usize, readers: usize, tally: &Arc<Tally>) -> Self {
        match name {
            "tidings" => Self::hub(topics, readers, tally),
            "broadcast" => {
                let topic = |_| {
                    let (sender, _) = broadcast::channel::<Payload>(2 * BURST);
                    for _ in 0..readers {
                        let (mut receiver, tally) = (sender.subscribe(), tally.clone());
                        tokio::spawn(async move {
                            while receiver.recv().await.is_ok() {
                                tally.add(1);
                            }
                        });
                    }
                    sender
                };
                Self::Broadcast((0..topics).map(topic).collect(), payload())
            }
            _ => {
                let reader = |_| {
                    let (sender, mut receiver) = mpsc::unbounded_channel::<Payload>();
                    let tally = tally.clone();
                    tokio::spawn(async move {
                        while receiver.recv().await.is_some() {
                            tally.add(1);
                        }
                    });
                    sender
                };
                Self::Channels((0..topics).map(|_| (0..readers).map(reader).collect()).collect(), payload())
            }
        }
    }

    fn hub(topics: usize, readers: usize, tally: &Arc<Tally>) -> Self {
        let limits = |limits: &mut tidings::Limits| limits.readers_max = topics * readers;
        let hub = Hub::builder("bench").expect("a plain name").limits(limits).build();
        let topics: Vec<_> = (0..topics).map(|number| format!("bench/{number}")).collect();
        for topic in &topics {
            for _ in 0..readers {
                let mut subscription = hub.subscribe(topic).expect("inside the limits");
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
        }
        Self::Hub(hub, topics, payload())
    }

    fn publish(&self, topic: usize) {
        match self {
            Self::Hub(hub, topics, payload) => {
                hub.broadcast(&topics[topic], payload.clone()).expect("inside the limits");
            }
            Self::Broadcast(senders, payload) => {
                let _ = senders[topic].send(payload.clone());
            }
            Self::Channels(senders, payload) => senders[topic].iter().for_each(|sender| {
                let _ = sender.send(payload.clone());
            }),
        }
    }

    /// Publishes a burst to the first topic and waits until every reader has it.
    pub(crate) async fn burst(&self, readers: usize, tally: &Tally) {
        tally.want((BURST * readers) as u64);
        (0..BURST).for_each(|_| self.publish(0));
        tally.reached().await;
    }

    /// Publishes one message to each topic and waits until every reader has its own.
    pub(crate) async fn sweep(&self, topics: usize, readers: usize, tally: &Tally) {
        tally.want((topics * readers) as u64);
        for topic in 0..topics {
            self.publish(topic);
            if topic % BURST == 0 {
                tokio::task::yield_now().await;
            }
        }
        tally.reached().await;
    }
}
