//! What comes from the server, and when nothing comes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::{Message, SubscribeError, Subscriber};
use futures_util::StreamExt as _;
use tidings::{Kin, Me, wire::NodeName};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    carrier::Node,
    hello::Hello,
    letter::{Desk, Letter},
};

/// How many of its signs of life a node may lose within its lease before it is taken for dead, and one more.
const SIGNS_A_LEASE: u32 = 4;

/// The subscriptions of a node, and the frames that are being put together.
#[derive(Debug)]
pub(crate) struct Ears {
    alive: Subscriber,
    hello: Subscriber,
    letters: Subscriber,
    /// By who sends: at most one a node that is up.
    desks: BTreeMap<NodeName, (u64, Desk)>,
    /// Letters and hellos that were none.
    refused: u64,
}

impl Ears {
    pub(crate) async fn open(node: &Node) -> Result<Self, SubscribeError> {
        let (client, subjects) = (&node.client, &node.subjects);
        let letters = client.subscribe(subjects.frames(&node.me)).await?;
        let hello = client.subscribe(subjects.hello(&node.me.node)).await?;
        let alive = client.subscribe(subjects.alive()).await?;
        Ok(Self { alive, hello, letters, desks: BTreeMap::new(), refused: 0 })
    }

    pub(crate) async fn run(mut self, node: Arc<Node>) {
        let each = node.options.lease / SIGNS_A_LEASE;
        let mut tick = interval(each);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticked = Instant::now();
        loop {
            tokio::select! {
                Some(message) = self.letters.next() => self.letter(&node, &message),
                Some(message) = self.alive.next() => self.sign_of_life(&node, &message).await,
                Some(message) = self.hello.next() => self.question(&node, message),
                _ = tick.tick() => {
                    // Not when it was due.
                    let now = Instant::now();
                    self.tick(&node, now.duration_since(ticked), each);
                    ticked = now;
                }
            }
        }
    }

    fn tick(&mut self, node: &Node, since_last: Duration, each: Duration) {
        // Who was stopped, or had no processor, has heard nobody; what was said meanwhile may lie unread.
        if since_last > 2 * each {
            node.table.excuse(since_last - each);
        }
        node.table.sweep(Instant::now(), node.is_connected());
        self.desks.retain(|name, (epoch, _)| node.table.start_of(name).is_some_and(|start| start.epoch == *epoch));
        node.say_alive();
    }

    fn letter(&mut self, node: &Node, message: &Message) {
        let (from, letter) = match Letter::read(&message.payload) {
            Ok(read) => read,
            Err(reason) => return self.refuse(reason),
        };
        match letter {
            Letter::Hello(hello) if hello.node == from.node && hello.epoch == from.epoch => self.meet(node, &hello),
            Letter::Hello(_) => self.refuse("its hello is another one's"),
            Letter::Goodbye => {
                node.table.left(&from);
                self.desks.remove(&from.node);
            }
            // A frame of one that is not known yet is dropped, and comes again.
            Letter::Piece(piece) if node.table.is_up(&from, Instant::now()) => {
                if let Some(frame) = self.desk(&from).take(piece)
                    && !node.inbound.received(from.node.clone(), frame)
                {
                    tracing::debug!(node = %from.node, "a frame was dropped: the hub is behind");
                }
            }
            Letter::Piece(_) => {}
        }
    }

    fn desk(&mut self, from: &Me) -> &mut Desk {
        let (epoch, desk) = self.desks.entry(from.node.clone()).or_default();
        if *epoch != from.epoch {
            (*epoch, *desk) = (from.epoch, Desk::default());
        }
        desk
    }

    async fn sign_of_life(&mut self, node: &Arc<Node>, message: &Message) {
        let hello = match Hello::decode(&message.payload) {
            Ok(hello) => hello,
            Err(_) => return self.refuse("a sign of life is none"),
        };
        match hello.kin(&node.me) {
            Kin::Other => self.meet(node, &hello),
            Kin::Myself => {}
            // It hears of this one by that, and goes.
            Kin::YoungerTwin => node.say_alive(),
            Kin::OlderTwin => {
                // Not here: this task has to go on hearing.
                let node = node.clone();
                tokio::spawn(async move {
                    // A sign of life may have lain somewhere while its sender died: a name is taken while its holder
                    // answers.
                    if node.ask(&node.me.node).await.is_some_and(|held| held.kin(&node.me) == Kin::OlderTwin) {
                        node.inbound.taken();
                    }
                });
            }
        }
    }

    /// Another node lives. One that is new here is told of this one before anything else comes to it.
    fn meet(&mut self, node: &Node, hello: &Hello) {
        if hello.kin(&node.me) == Kin::Other && node.table.hear(hello, Instant::now()) {
            let to = Me { node: hello.node.clone(), epoch: hello.epoch };
            node.queue.say(node.subjects.frames(&to), crate::letter::hello(&node.me, &node.hello()));
        }
    }

    /// Somebody asks for this node's name. It is not answered to itself: who asks for its own name looks for another.
    fn question(&mut self, node: &Node, message: Message) {
        let asks = Hello::decode(&message.payload);
        let Some(reply) = message.reply else { return self.refuse("a question is without a place for its answer") };
        match asks {
            Ok(hello) if hello.kin(&node.me) == Kin::Myself => {}
            Ok(_) => node.queue.say(reply.to_string(), node.hello().encode()),
            Err(_) => self.refuse("a question is none"),
        }
    }

    /// Counts what is dropped. Of many, few are told: who sends them must not fill the log.
    fn refuse(&mut self, reason: &str) {
        self.refused += 1;
        if self.refused.is_power_of_two() {
            tracing::warn!(reason, refused = self.refused, "a message at the NATS server is dropped");
        }
    }
}
