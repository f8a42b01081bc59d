//! A subscription: one topic as a stream.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Delivery, Reader};

/// One topic of a hub as a [`Stream`] of [`Delivery`]. Dropping it unsubscribes.
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
                Poll::Ready(()) => self.make_ready(),
            }
        }
    }

    fn make_ready(&mut self) {
        // One topic that is joined once: that it is live is nothing to tell.
        self.ready.extend(self.batch.drain(..).filter(|delivery| !matches!(delivery, Delivery::Joined { .. })));
    }

    /// The next of what was published by now, without waiting.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn try_next(&mut self) -> Option<Delivery> {
        if self.ready.is_empty() {
            self.batch = crate::testing::read(&mut self.reader);
            self.make_ready();
        }
        self.ready.pop_front()
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.get_mut().poll(context).map(Some)
    }
}
