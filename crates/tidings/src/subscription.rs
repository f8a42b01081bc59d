//! A subscription: one topic, or all of a pattern, as a stream.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use crate::{Delivery, Reader, one::One};

/// One topic of a hub, or all topics of a pattern, as a [`Stream`] of [`Delivery`]. Dropping it unsubscribes.
///
/// It never ends by itself, and never loses silently: a subscriber that is slower than the topic's
/// ring is long gets a [`Delivery::Gap`], and goes on with what the ring holds.
///
/// One plain topic costs about 190 bytes, from now on as well as with what is kept; a pattern about 830, and a resume
/// about 1,250.
#[derive(Debug)]
pub struct Subscription(Kind);

#[derive(Debug)]
enum Kind {
    One(One),
    Many(Box<Many>),
}

#[derive(Debug)]
struct Many {
    reader: Reader,
    /// Read and not handed out yet: at most one batch, or what came until it was ready.
    ready: VecDeque<Delivery>,
    batch: Vec<Delivery>,
    /// Its join has been told.
    is_live: bool,
}

impl Subscription {
    pub(crate) fn of_one(one: One) -> Self {
        Self(Kind::One(one))
    }

    pub(crate) fn of_many(reader: Reader) -> Self {
        let (ready, batch, is_live) = (VecDeque::new(), Vec::new(), false);
        Self(Kind::Many(Box::new(Many { reader, ready, batch, is_live })))
    }

    /// Skips what this sender publishes with [`Hub::broadcast_from`](crate::Hub::broadcast_from), on every node and on
    /// replay.
    #[must_use]
    pub fn excluding(mut self, sender: &str) -> Self {
        match &mut self.0 {
            Kind::One(one) => one.excluding(sender),
            Kind::Many(many) => many.reader.exclude(sender),
        }
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

    /// Waits until the subscription is live on the whole cluster: whatever any node publishes from here on is heard.
    ///
    /// Of a State or Events topic, and on a node alone, that is at once. A Signal goes only to nodes that asked for it:
    /// the others have answered by then, or one second has passed and a [`Delivery::Gap`] says that one of them has
    /// not. Nothing is lost by waiting, nor by not waiting: what comes to this node from the moment of the subscription is
    /// handed out by [`next`](Self::next), at the latest when the others have answered.
    pub async fn ready(&mut self) {
        // Of one topic from now on there is nothing to wait for: it would not be one.
        let Kind::Many(many) = &mut self.0 else { return };
        std::future::poll_fn(|context| {
            while !many.is_live {
                if many.read(context).is_pending() {
                    return Poll::Pending;
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        match &mut self.0 {
            Kind::One(one) => one.poll(context),
            Kind::Many(many) => many.poll(context),
        }
    }

    /// The next of what was published by now, without waiting.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn try_next(&mut self) -> Option<Delivery> {
        match &mut self.0 {
            Kind::One(one) => one.try_next(),
            Kind::Many(many) => many.try_next(),
        }
    }
}

impl Many {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Poll::Ready(delivery);
            }
            if self.read(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn read(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let read = self.reader.poll_read(context, &mut self.batch);
        self.take_batch();
        read
    }

    fn take_batch(&mut self) {
        for delivery in self.batch.drain(..) {
            match delivery {
                // Joined once: that it is live is nothing to hand out.
                Delivery::Joined { .. } => self.is_live = true,
                delivery => self.ready.push_back(delivery),
            }
        }
    }

    #[cfg(any(test, feature = "testing"))]
    fn try_next(&mut self) -> Option<Delivery> {
        if self.ready.is_empty() {
            self.batch = crate::testing::read(&mut self.reader);
            self.take_batch();
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
