//! The task that stands between a hub and its carrier.
//!
//! All frames of a node pass through it, in and out, one event after another: the cluster's core is
//! called here and nowhere else. It encodes what the core gives back after the log's lock is free.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, oneshot},
    time::{Interval, MissedTickBehavior, interval},
};

use super::{Carrier, Happened, Inbox};
use crate::{
    cluster::{Envelope, Event, Send},
    shared::Shared,
};

/// How often the core is told that time passes: several times within its shortest interval.
const TICK: Duration = Duration::from_millis(20);

/// A hub's driver.
#[derive(Debug)]
pub(crate) struct Driver {
    hub: Weak<Shared>,
    carrier: Arc<dyn Carrier>,
    inbox: Inbox,
    outgoing: Arc<Notify>,
    /// Waked when something is published: for who writes it down.
    published: Arc<Notify>,
}

/// What the driver waits for.
enum Woken {
    Happened(Option<Happened>),
    Tick,
    Outgoing,
    Stop(Option<oneshot::Sender<()>>),
}

impl Driver {
    pub(crate) fn new(hub: &Arc<Shared>, carrier: Arc<dyn Carrier>, inbox: Inbox, published: Arc<Notify>) -> Self {
        Self { hub: Arc::downgrade(hub), carrier, inbox, outgoing: hub.outgoing.clone(), published }
    }

    /// Runs until the hub is gone, or is told to stop.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<oneshot::Sender<()>>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let woken = self.woken(&mut tick, &mut stop).await;
            // The hub is not held while waiting, so that dropping its last handle ends this task.
            let Some(shared) = self.hub.upgrade() else { break };
            match woken {
                Woken::Happened(Some(happened)) => {
                    if self.handle(&shared, happened) {
                        let node = &shared.node;
                        tracing::error!(%node, "an older node has this one's name: this one leaves the cluster");
                        return self.leave(&shared, Event::Taken).await;
                    }
                }
                Woken::Tick => self.tell(&shared, Event::Tick),
                Woken::Outgoing => {
                    self.tell(&shared, Event::Flush);
                    self.published.notify_one();
                }
                Woken::Happened(None) => break,
                Woken::Stop(done) => {
                    self.leave(&shared, Event::Stop).await;
                    // Who waited for it may have given up.
                    let _ = done.map(|done| done.send(()));
                    return;
                }
            }
        }
        self.carrier.stop().await;
    }

    /// Says goodbye, and ends.
    async fn leave(&self, shared: &Shared, last: Event) {
        self.tell(shared, last);
        self.carrier.stop().await;
    }

    async fn woken(&mut self, tick: &mut Interval, stop: &mut oneshot::Receiver<oneshot::Sender<()>>) -> Woken {
        tokio::select! {
            happened = self.inbox.next() => Woken::Happened(happened),
            _ = tick.tick() => Woken::Tick,
            () = self.outgoing.notified() => Woken::Outgoing,
            done = stop => Woken::Stop(done.ok()),
        }
    }

    /// Says whether this node has to leave.
    fn handle(&mut self, shared: &Shared, happened: Happened) -> bool {
        let mut next = Some(happened);
        // What has come already is handled without going back to wait, up to a bound: a tick has to have its turn.
        for _ in 0..super::FRAMES_MAX {
            let Some(happened) = next else { return false };
            let event = match happened {
                Happened::Up(node) => Event::Up(node),
                Happened::Down(node, reason) => Event::Down(node, reason),
                Happened::Frame(from, frame) => match Envelope::decode(&frame) {
                    Ok(envelope) if envelope.node == from => Event::Received(envelope),
                    Ok(envelope) => Event::Misnamed(from, envelope.node),
                    Err(error) => Event::Unreadable(from, error),
                },
                Happened::Taken => return true,
            };
            self.tell(shared, event);
            next = self.inbox.try_next();
        }
        false
    }

    fn tell(&self, shared: &Shared, event: Event) {
        let outcome = shared.handle(event);
        if outcome.woken {
            shared.wake_shards();
        }
        if outcome.news {
            shared.news.notify_waiters();
        }
        for Send { to, frame } in outcome.send {
            let envelope = Envelope { node: shared.node.clone(), epoch: shared.epoch, frame };
            let frame = match envelope.encode() {
                Ok(bytes) => Bytes::from(bytes),
                Err(error) => {
                    tracing::error!(%error, "a frame could not be encoded");
                    continue;
                }
            };
            for node in &to {
                // A hole like any other: the peer asks for what it lacks.
                if let Err(error) = self.carrier.send(node, frame.clone()) {
                    tracing::debug!(%node, %error, "a frame was dropped");
                }
            }
        }
    }
}
