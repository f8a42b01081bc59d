//! Two publishers, two topics, a shard, and a reader that is cut wherever the seed says.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64 as Counter, Ordering},
    },
    task::Poll,
};

use shuttle::{
    future,
    rand::{Rng, thread_rng},
    thread,
};
use tidings_wire::{Cursor, Events, State, TopicName, topics};

use super::told::{Told, check};
use crate::{Clock, Delivery, Hub, Payload, Reader, Start, mailbox::Mailbox, shard, sync::AtomicU64};

topics! {
    WHOLE(topic: u32): Events<u64> = "t/{topic}";
    SHORT(topic: u32): Events<u64> = "t/{topic}" keep 1;
    VALUE(topic: u32): State<u64> = "t/{topic}";
}

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Rings hold everything: nothing may be missing, and no gap told.
    Whole,
    /// A mailbox alone: a shard that marks it and moves on, and a reader that waits.
    Mailbox,
    /// One message on each topic, at once, and no cut: a wake-up that is lost is made good by none that follows.
    Last,
    /// Rings hold one message: most readers are too slow.
    ShortRings,
    /// Only newest values.
    State,
    /// As `Whole`, through a pattern: both topics begin while it is held.
    Pattern,
    /// Signal topics, whose rings age away and which are forgotten while the reader is gone.
    Forgotten,
}

impl Plan {
    pub(super) const ALL: [Self; 7] =
        [Self::Whole, Self::Mailbox, Self::Last, Self::ShortRings, Self::State, Self::Pattern, Self::Forgotten];
}

/// Topics, each of which both publishers write.
pub(super) const TOPICS: usize = 2;
/// Messages of each publisher: enough to fill two rounds of the shard, few enough to be tried in thousands of orders.
const MESSAGES: usize = 3;
/// The reader is cut so often at most, so that a run ends.
const CUTS: usize = 3;
/// The last message of each topic.
const END: u64 = u64::MAX;

/// A clock that is moved by hand.
#[derive(Debug, Clone, Default)]
struct HandClock(Arc<Counter>);

impl Clock for HandClock {
    fn wall_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn name(topic: usize) -> TopicName {
    TopicName::new(&format!("t/{topic}")).expect("a valid name")
}

fn publish(hub: &Hub, topic: usize, value: u64) -> (u64, usize) {
    let payload = Payload::of(&value).expect("a number");
    (hub.broadcast(name(topic).as_str(), payload).expect("within all limits").stamp, topic)
}

/// Runs one schedule, and checks what the reader was told.
pub(super) fn run(plan: Plan) {
    if plan == Plan::Mailbox {
        return mailbox();
    }
    let clock = HandClock::default();
    // Batches of two: a reader is cut short among its messages, too.
    let builder = Hub::builder("alpha").expect("a valid name").clock(clock.clone());
    let builder = builder.limits(|limits| limits.batch_messages_max = 2);
    // Rounds by the shard's task alone, or by whoever publishes, too.
    let hub = if thread_rng().gen_bool(0.5) { builder.build_still(1) } else { builder.build_without_tasks(1) };
    match plan {
        Plan::Whole | Plan::Last | Plan::Pattern => drop(hub.serve(WHOLE)),
        Plan::ShortRings => drop(hub.serve(SHORT)),
        Plan::State => drop(hub.serve(VALUE)),
        Plan::Forgotten | Plan::Mailbox => {}
    }
    let shard = future::spawn(shard::run(Arc::downgrade(&hub.shared), 0));
    let mut reader = Client::new(hub.clone(), plan);
    if plan == Plan::Forgotten {
        // A Signal's reader hears what comes after it, so it has to be there first.
        reader.open(TOPICS);
    }
    let reader = thread::spawn(move || {
        reader.read_to_the_end();
        reader.told
    });
    let publishers: Vec<_> = (0..if plan == Plan::Last { 0 } else { 2 })
        .map(|publisher| {
            let hub = hub.clone();
            // Each begins at another topic, so that both write both at once.
            let publish_one = move |number| publish(&hub, (publisher + number) % TOPICS, number as u64);
            thread::spawn(move || (0..MESSAGES).map(publish_one).collect::<Vec<_>>())
        })
        .collect();
    if plan == Plan::Forgotten {
        for _ in 0..2 {
            // Longer than a Signal's ring keeps anything.
            clock.0.fetch_add(6_000, Ordering::Relaxed);
            hub.forget_idle();
        }
    }
    let mut published = BTreeMap::new();
    for publisher in publishers {
        published.extend(publisher.join().expect("publishing does not panic"));
    }
    if plan == Plan::Last {
        let ends = (0..TOPICS).map(|topic| (topic, hub.clone()));
        let ends: Vec<_> = ends.map(|(topic, hub)| thread::spawn(move || publish(&hub, topic, END))).collect();
        published.extend(ends.into_iter().map(|end| end.join().expect("publishing does not panic")));
    } else {
        published.extend((0..TOPICS).map(|topic| publish(&hub, topic, END)));
    }
    let told = reader.join().expect("reading does not panic");
    let may_gap = matches!(plan, Plan::ShortRings | Plan::Forgotten);
    check(&told, &published, plan == Plan::State, may_gap);
    drop(hub);
    // The last handle is gone: the shard's task ends by itself, or shuttle sees everybody wait.
    future::block_on(shard).expect("the shard ends");
}

/// What a shard does to a mailbox in a round, and what a reader does before it waits. If the reader waits for ever,
/// shuttle says so.
fn mailbox() {
    let (mailbox, marked) = (Arc::new(Mailbox::new(0)), Arc::new(AtomicU64::new(0)));
    let reader = {
        let (mailbox, marked) = (mailbox.clone(), marked.clone());
        thread::spawn(move || {
            let (mut slots, mut found) = (Vec::new(), Vec::new());
            future::block_on(poll_fn(|context| {
                loop {
                    let seen = marked.load(Ordering::Acquire);
                    mailbox.take(&mut slots, &mut found);
                    if seen > 0 {
                        assert_eq!(slots, [0], "what is marked up to the index is in the mailbox");
                        return Poll::Ready(());
                    }
                    let stale = || marked.load(Ordering::Acquire) != seen;
                    if mailbox.wait(&mut slots, context.waker(), stale) {
                        return Poll::Pending;
                    }
                }
            }));
        })
    };
    assert!(mailbox.mark(0, 1), "the shard puts it on its list");
    marked.store(1, Ordering::Release);
    mailbox.wake();
    reader.join().expect("reading does not panic");
}

/// A plain client: it holds a stream, passes on the cursor that it was last told, and writes down everything.
struct Client {
    hub: Hub,
    plan: Plan,
    reader: Option<Reader>,
    /// Of each topic where it goes on after a cut; `None` where it has not begun.
    cursors: [Option<Box<str>>; TOPICS],
    /// Which topics' joins have not been told as done: these move by their own messages only.
    joining: [bool; TOPICS],
    held: [bool; TOPICS],
    /// The join that each topic was held with last.
    call: [u64; TOPICS],
    /// The stream's cursor.
    stream: Option<Box<str>>,
    cuts: usize,
    ended: [bool; TOPICS],
    told: Vec<Told>,
}

impl Client {
    fn new(hub: Hub, plan: Plan) -> Self {
        let (cursors, told) = (Default::default(), Vec::new());
        let (joining, held, ended) = ([false; TOPICS], [false; TOPICS], [false; TOPICS]);
        Self { hub, plan, reader: None, cursors, joining, held, call: [0; TOPICS], stream: None, cuts: 0, ended, told }
    }

    /// Opens a stream with so many topics.
    fn open(&mut self, topics: usize) {
        self.reader = None;
        self.reader = Some(self.hub.reader().expect("within the limit"));
        self.stream = None;
        self.join(0..topics);
    }

    fn join(&mut self, topics: std::ops::Range<usize>) {
        let first = match self.plan {
            Plan::Forgotten => Start::Now,
            // At least one: a reader that comes after the end is told of it.
            Plan::ShortRings => Start::Retained { last: thread_rng().gen_range(1..=2) },
            Plan::Whole | Plan::Mailbox | Plan::Last | Plan::State | Plan::Pattern => Start::RETAINED,
        };
        let start = |topic: usize| self.cursors[topic].clone().map_or(first.clone(), Start::After);
        let wanted = match self.plan {
            Plan::Pattern => vec![("t/*".parse().expect("a valid pattern"), start(0))],
            _ => topics.clone().map(|topic| (name(topic).into(), start(topic))).collect(),
        };
        let Some(reader) = &mut self.reader else { return };
        let call = topics.start as u64;
        assert!(reader.join(call, wanted).is_empty(), "within all limits");
        for topic in topics {
            (self.held[topic], self.joining[topic], self.call[topic]) = (true, true, call);
        }
    }

    fn read_to_the_end(&mut self) {
        if self.reader.is_none() {
            // The other topic may be added while messages come.
            let least = if self.plan == Plan::Pattern { TOPICS } else { 1 };
            self.open(thread_rng().gen_range(least..=TOPICS));
        }
        let mut batch = Vec::new();
        loop {
            let Some(reader) = &mut self.reader else { return };
            future::block_on(poll_fn(|context| reader.poll_read(context, &mut batch)));
            // What was handed out and not written when the stream is cut is lost with it.
            // A Signal's reader that knows no cursor yet would begin anew, at now.
            let may_cut = self.cuts < CUTS
                && match self.plan {
                    Plan::Last | Plan::Mailbox => false,
                    Plan::Forgotten => self.stream.is_some(),
                    _ => true,
                };
            let written = match may_cut && thread_rng().gen_ratio(1, 4) {
                true => thread_rng().gen_range(0..=batch.len()),
                false => batch.len(),
            };
            let is_cut = written < batch.len();
            for delivery in batch.drain(..).take(written) {
                self.hear(delivery);
            }
            let held = self.held.iter().filter(|held| **held).count();
            if self.ended == [true; TOPICS] && self.joining == [false; TOPICS] {
                self.reader = None;
                return;
            }
            if is_cut {
                self.cut();
                self.open(held);
            } else if held < TOPICS && (self.ended[0] || thread_rng().gen_ratio(1, 2)) {
                self.join(held..TOPICS);
            }
        }
    }

    /// The stream is cut. Each topic that is joined goes on from the stream's cursor, the others from their own.
    fn cut(&mut self) {
        self.cuts += 1;
        if self.plan == Plan::Pattern {
            // As an EventSource does it: all that the stream holds goes on from its last `id:`, whatever was joined.
            let last = self.stream.take().or_else(|| self.cursors[0].take());
            if last.is_none() {
                self.told.clear();
                self.ended = [false; TOPICS];
            }
            self.cursors = [last.clone(), last];
            return;
        }
        for topic in (0..TOPICS).filter(|topic| self.held[*topic] && !self.joining[*topic]) {
            self.cursors[topic].clone_from(&self.stream);
        }
    }

    fn hear(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Message(entry) => {
                let topic = number(entry.topic.as_str());
                self.told.push(Told::Message { topic, stamp: entry.stamp });
                self.note_end(topic, entry.payload.as_ref());
                if self.joining[topic] && self.plan != Plan::Pattern {
                    self.cursors[topic] = Some(entry.cursor.clone());
                }
                self.move_to(entry.cursor.clone());
            }
            Delivery::Snapshot { topic, entry } => {
                let topic = number(topic.as_str());
                if let Some(entry) = entry {
                    self.told.push(Told::Snapshot { topic, stamp: entry.stamp });
                    self.note_end(topic, entry.payload.as_ref());
                }
            }
            Delivery::Gap { topic, .. } => self.told.push(Told::Gap { topic: number(topic.as_str()) }),
            Delivery::Complete { .. } => {}
            Delivery::Rewound => panic!("the node was never restarted"),
            Delivery::Joined { call, cursor } => {
                for topic in 0..TOPICS {
                    if self.joining[topic] && self.call[topic] == call {
                        self.joining[topic] = false;
                        let began =
                            self.told.iter().any(|told| matches!(told, Told::Begins { topic: of, .. } if *of == topic));
                        if !began {
                            self.told.push(Told::Begins { topic, stamp: self.stamp(&cursor) });
                        }
                    }
                }
                self.stream = None;
                self.move_to(cursor);
            }
        }
    }

    /// Takes a cursor over, unless it lies below the one that it would replace.
    fn move_to(&mut self, cursor: Box<str>) {
        let new = self.stamp(&cursor);
        if self.stream.as_deref().is_none_or(|held| self.stamp(held) <= new) {
            self.stream = Some(cursor);
            let joined = std::array::from_fn(|topic| self.held[topic] && !self.joining[topic]);
            self.told.push(Told::Covers { stamp: new, joined });
        }
    }

    fn stamp(&self, cursor: &str) -> u64 {
        cursor.parse::<Cursor>().expect("a cursor").get(self.hub.origin())
    }

    fn note_end(&mut self, topic: usize, payload: Option<&Payload>) {
        self.ended[topic] |= payload.and_then(|payload| payload.decode().ok()) == Some(END);
    }
}

fn number(topic: &str) -> usize {
    topic.split('/').next_back().and_then(|last| last.parse().ok()).expect("a topic of this run")
}
