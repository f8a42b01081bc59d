//! A subscription: one topic, or all of a pattern, as a stream.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Delivery, Reader};

/// One topic of a hub, or all topics of a pattern, as a [`Stream`] of [`Delivery`]. Dropping it unsubscribes.
///
/// It never ends by itself, and never loses silently: a subscriber that is slower than the topic's
/// ring is long gets a [`Delivery::Gap`], and goes on with what the ring holds.
#[derive(Debug)]
pub struct Subscription {
    reader: Reader,
    /// Read and not handed out yet: at most one batch.
    ready: VecDeque<Delivery>,
    batch: Vec<Delivery>,
}

impl Subscription {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { reader, ready: VecDeque::new(), batch: Vec::new() }
    }

    /// Skips what this sender publishes with [`Hub::broadcast_from`](crate::Hub::broadcast_from), on every node and on
    /// replay.
    #[must_use]
    pub fn excluding(mut self, sender: &str) -> Self {
        self.reader = self.reader.excluding(sender);
        self
    }

    /// Ends it: what dropping does, by Phoenix's name. (There it takes a topic and ends all subscriptions that the
    /// process has to it; here each subscription is a value of its own.)
    pub fn unsubscribe(self) {
        drop(self);
    }

    /// The next message, snapshot or gap.
    pub async fn next(&mut self) -> Delivery {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Poll::Ready(delivery);
            }
            match self.reader.poll_read(context, &mut self.batch) {
                Poll::Pending => return Poll::Pending,
                // One hold that is joined once: that it is live is nothing to tell.
                Poll::Ready(()) => self
                    .ready
                    .extend(self.batch.drain(..).filter(|delivery| !matches!(delivery, Delivery::Joined { .. }))),
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.get_mut().poll(context).map(Some)
    }
}
