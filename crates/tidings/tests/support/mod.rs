//! What the tests of this folder share: topics, a hub of them, and what was told in a form that compares.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::{
    future::{Future, poll_fn},
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) use tidings::testing::HandClock;
use tidings::{
    Delivery, Entry, Hub, Limits, Payload, Reader, Start, testing,
    wire::{Events, Pattern, Signal, State, TopicName, event::GapCause, topics},
};

topics! {
    /// A history longer than any test.
    pub HISTORY(name: String): Events<u64> = "history/{name}" keep 1_000_000, "1d";
    /// A history of four messages: it overflows at once.
    pub SHORT(name: String): Events<u64> = "short/{name}" keep 4, "1d";
    /// A history of ten minutes.
    pub AGING(name: String): Events<u64> = "aging/{name}" keep 100, "10m";
    /// A value.
    pub VALUE(name: String): State<u64> = "value/{name}";
    /// Nothing is kept.
    pub BEEP(name: String): Signal<u64> = "beep/{name}";
}

/// A hub that serves the topics above.
pub(crate) fn hub() -> Hub {
    hub_with(|_| {}).0
}

/// The same with other limits, and with the hand on its clock.
pub(crate) fn hub_with(limits: impl FnOnce(&mut Limits)) -> (Hub, HandClock) {
    let clock = HandClock::default();
    (hub_on(&clock, limits), clock)
}

/// The same on a given clock: a second hub on it is a restarted node.
pub(crate) fn hub_on(clock: &HandClock, limits: impl FnOnce(&mut Limits)) -> Hub {
    let hub = testing::hub_on("alpha", clock, limits);
    hub.serve(HISTORY);
    hub.serve(SHORT);
    hub.serve(AGING);
    hub.serve(VALUE);
    hub.serve(BEEP);
    hub
}

pub(crate) fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

pub(crate) fn number(value: u64) -> Payload {
    Payload::of(&value).unwrap()
}

/// Publishes numbers, in order.
pub(crate) fn publish(hub: &Hub, topic: &str, numbers: impl IntoIterator<Item = u64>) {
    for value in numbers {
        hub.broadcast(topic, number(value)).unwrap();
    }
}

/// Waits for a condition, and fails instead of hanging.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("waited 20 s for what should come at once")
}

/// The next batch.
pub(crate) async fn read(reader: &mut Reader) -> Vec<Delivery> {
    let mut batch = Vec::new();
    within(poll_fn(|context| reader.poll_read(context, &mut batch))).await;
    batch
}

/// One poll: what there is now, without waiting.
pub(crate) fn poll_once(reader: &mut Reader) -> Poll<Vec<Delivery>> {
    let mut batch = Vec::new();
    reader.poll_read(&mut Context::from_waker(Waker::noop()), &mut batch).map(|()| batch)
}

/// Lets the shards mark what was published. For a runtime of one thread: each turn runs all tasks that were woken.
pub(crate) async fn shards_have_marked() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// The number of a call that no test uses otherwise.
const HERE: u64 = u64::MAX >> 1;

/// All that was published up to this call. A join of no topics is a place in the log: it tells when all up to it was
/// handed out, so that also the absence of a message can be shown without waiting for a while. (As `testing::read`, but
/// it waits as a stream does, and so sees what its shard does.)
pub(crate) async fn read_up_to_here(reader: &mut Reader) -> Vec<Delivery> {
    assert!(reader.join(HERE, Vec::new()).is_empty());
    let mut all = Vec::new();
    loop {
        for delivery in read(reader).await {
            match delivery {
                Delivery::Joined { call: HERE, .. } => return all,
                other => all.push(other),
            }
        }
    }
}

/// A reader that has joined some topics, with what was said until it had.
pub(crate) async fn joined(hub: &Hub, topics: &[&str], start: &Start) -> (Reader, Vec<Delivery>) {
    let mut reader = hub.reader().unwrap();
    let said = join(&mut reader, topics, start).await;
    (reader, said)
}

/// Joins, and reads until the topics are live.
pub(crate) async fn join(reader: &mut Reader, topics: &[&str], start: &Start) -> Vec<Delivery> {
    assert!(reader.join(1, topics.iter().map(|topic| (pattern(topic), start.clone())).collect()).is_empty());
    read_up_to_here(reader).await
}

/// What a delivery came to, in a form that compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Message(String, u64),
    Cleared(String),
    Snapshot(String, Option<u64>),
    Gap(String, GapCause),
    Complete(String),
    Rewound,
    Joined(u64),
}

pub(crate) fn said(deliveries: &[Delivery]) -> Vec<Said> {
    deliveries.iter().map(say).collect()
}

/// The same without the word that a join is through.
pub(crate) fn said_of_topics(deliveries: &[Delivery]) -> Vec<Said> {
    said(deliveries).into_iter().filter(|said| !matches!(said, Said::Joined(_))).collect()
}

fn say(delivery: &Delivery) -> Said {
    match delivery {
        Delivery::Message(entry) => match value(entry) {
            Some(value) => Said::Message(entry.topic.to_string(), value),
            None => Said::Cleared(entry.topic.to_string()),
        },
        Delivery::Snapshot { topic, entry } => Said::Snapshot(
            topic.to_string(),
            entry.as_ref().map(|entry| value(entry).expect("a value, not a tombstone")),
        ),
        Delivery::Gap { topic, cause } => Said::Gap(topic.to_string(), *cause),
        Delivery::Complete { pattern } => Said::Complete(pattern.to_string()),
        Delivery::Rewound => Said::Rewound,
        Delivery::Joined { call, .. } => Said::Joined(*call),
        other => panic!("an unknown delivery: {other:?}"),
    }
}

pub(crate) fn value(entry: &Entry) -> Option<u64> {
    entry.payload.as_ref().map(|payload| payload.decode().unwrap())
}

/// `(topic, value)` of the messages.
pub(crate) fn messages(topic: &str, values: impl IntoIterator<Item = u64>) -> Vec<Said> {
    values.into_iter().map(|value| Said::Message(topic.to_owned(), value)).collect()
}

/// The cursor with which a client resumes after a delivery: the rule of the stream's `id:`.
pub(crate) fn cursor_of(delivery: &Delivery) -> Option<Box<str>> {
    match delivery {
        Delivery::Message(entry) => Some(entry.cursor.clone()),
        Delivery::Joined { cursor, .. } => Some(cursor.clone()),
        _ => None,
    }
}
