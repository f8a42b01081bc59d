//! A journal: all nodes stop, and what they published is there when they start again.

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use support::{AGING, BEEP, HISTORY, SHORT, VALUE};
use tidings::{
    Clock, Delivery, Hub, Journaled, Limits, Payload, Published, Start, Subscription,
    conformance::{PATIENCE, told},
    testing::{Ledger, Mesh},
    wire::event::GapCause,
};
use tokio::time::timeout;

const HOUR_MS: u64 = 3_600_000;

/// The machine's clocks, which a test can put on.
#[derive(Debug, Clone)]
struct Shifted(Arc<(Instant, AtomicU64)>);

impl Shifted {
    fn new() -> Self {
        Self(Arc::new((Instant::now(), AtomicU64::new(0))))
    }

    fn advance_ms(&self, milliseconds: u64) {
        self.0.1.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for Shifted {
    fn wall_ms(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_millis() as u64 + self.0.1.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.0.elapsed().as_millis() as u64 + self.0.1.load(Ordering::SeqCst)
    }
}

/// Nodes that share a network, a journal and a time.
struct Cluster {
    mesh: Mesh,
    ledger: Ledger,
    /// The ends of the nodes that were started last under each name.
    ends: Mutex<BTreeMap<String, Ledger>>,
    clock: Shifted,
}

impl Cluster {
    fn new() -> Self {
        Self { mesh: Mesh::default(), ledger: Ledger::default(), ends: Mutex::default(), clock: Shifted::new() }
    }

    async fn node(&self, name: &str) -> Hub {
        self.node_with(name, |_| {}).await
    }

    async fn node_with(&self, name: &str, limits: impl FnOnce(&mut Limits)) -> Hub {
        let hub = Hub::builder(name).unwrap().clock(self.clock.clone()).limits(limits).build();
        hub.serve(HISTORY);
        hub.serve(SHORT);
        hub.serve(AGING);
        hub.serve(VALUE);
        hub.serve(BEEP);
        let end = self.ledger.end();
        self.ends.lock().unwrap().insert(name.to_owned(), end.clone());
        hub.connect(Journaled::new(self.mesh.carrier(), Arc::new(end))).await.unwrap();
        hub
    }

    /// Ends a node as a crash does: nothing more is written, and nobody is told.
    fn kill(&self, hub: Hub) {
        self.ends.lock().unwrap()[hub.node_name().as_str()].cut();
        self.mesh.kill(hub.node_name().as_str());
    }
}

async fn journaled(hub: &Hub, published: &Published) {
    assert!(hub.journaled_within(published, PATIENCE).await, "{:?}", hub.journal());
}

async fn becomes(hub: &Hub, what: &str, is: impl Fn(&Hub) -> bool) {
    let waits = async {
        while !is(hub) {
            hub.changed().await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what} did not come: {:?}", hub.journal()));
}

fn after(hub: &Hub, topic: &str, cursor: &str) -> Subscription {
    hub.subscribe_from(topic, Start::After(cursor.into())).unwrap()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<Result<u64, GapCause>> {
    range.map(Ok).collect()
}

/// All may stop. Values, history and cursors of before are as if nobody had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_stop_and_start_again() {
    let cluster = Cluster::new();
    let (alpha, beta) = (cluster.node("alpha").await, cluster.node("beta").await);
    assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);
    let topic = HISTORY.at("a");
    alpha.publish(&VALUE.at("a"), &1).unwrap();
    let mut cursors = Vec::new();
    // Both in turns, so that their order is seen, and with Signals between, which leave nothing behind.
    for number in 1..=20 {
        let (one, other) = if number % 2 == 0 { (&alpha, &beta) } else { (&beta, &alpha) };
        let published = one.publish(&topic, &number).unwrap();
        one.publish(&BEEP.at("a"), &number).unwrap();
        one.replicated_within(&published, 1, PATIENCE).await.unwrap();
        journaled(one, &published).await;
        cursors.push(other.cursor());
    }
    let published = beta.publish(&VALUE.at("a"), &2).unwrap();
    beta.replicated_within(&published, 1, PATIENCE).await.unwrap();
    alpha.leave().await;
    let last = beta.cursor();
    beta.leave().await;
    drop((alpha, beta));

    let gamma = cluster.node("gamma").await;
    assert_eq!(gamma.value(&VALUE.at("a")), Some(2));
    let mut all = gamma.subscribe_from(topic.as_str(), Start::RETAINED).unwrap();
    assert_eq!(told(&mut all, 20).await, numbers(1..=20), "in the order in which they were published");
    for (nth, cursor) in cursors.iter().enumerate().take(19) {
        let mut subscription = after(&gamma, topic.as_str(), cursor);
        assert_eq!(told(&mut subscription, 20).await, numbers(nth as u64 + 2..=20), "after {}", nth + 1);
    }
    let mut at_the_end = after(&gamma, topic.as_str(), &last);
    gamma.publish(&topic, &21).unwrap();
    assert_eq!(told(&mut at_the_end, 21).await, numbers(21..=21), "nothing is missing, and no gap is told");
    let mut signal = after(&gamma, BEEP.at("a").as_str(), &cursors[0]);
    gamma.publish(&BEEP.at("a"), &99).unwrap();
    assert!(told(&mut signal, 99).await[0].is_err(), "a Signal is in no journal: it is a gap");
}

/// A crash of all: what was kept is there, and who knows of more is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crash_took_is_told() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    let topic = HISTORY.at("a");
    for number in 1..=9 {
        alpha.publish(&topic, &number).unwrap();
    }
    let kept = alpha.publish(&topic, &10).unwrap();
    journaled(&alpha, &kept).await;
    let safe = alpha.cursor();
    cluster.ledger.room(Some(0));
    alpha.publish(&topic, &11).unwrap();
    let beyond = alpha.cursor();
    becomes(&alpha, "that the journal takes nothing", |hub| hub.journal().is_some_and(|info| info.failures > 0)).await;
    let info = alpha.journal().unwrap();
    assert_eq!((info.written, info.behind, info.lost), (10, 1, 0));
    assert!(info.trouble.unwrap().contains("full"));
    cluster.kill(alpha);

    cluster.ledger.room(None);
    let again = cluster.node("alpha").await;
    again.publish(&topic, &12).unwrap();
    // Nobody knows that there was no other message, so who was there before is told of the death, once.
    let mut expected = vec![Err(GapCause::NodeDied)];
    expected.extend(numbers(1..=10));
    expected.push(Ok(12));
    assert_eq!(told(&mut after(&again, topic.as_str(), &safe), 12).await, expected);
    let since = again.cursor();
    let mut subscription = after(&again, topic.as_str(), &since);
    again.publish(&topic, &13).unwrap();
    assert_eq!(told(&mut subscription, 13).await, numbers(13..=13));
    let mut subscription = after(&again, topic.as_str(), &beyond);
    assert!(matches!(told(&mut subscription, 13).await[0], Err(GapCause::Rewound)), "it knows of 11");
    // And once means once: not by the next node again.
    becomes(&again, "that all is written", |hub| hub.journal().is_some_and(|info| info.behind == 0)).await;
    again.leave().await;
    let next = cluster.node("alpha").await;
    let mut subscription = after(&next, topic.as_str(), &since);
    assert_eq!(told(&mut subscription, 13).await, numbers(13..=13));
}

/// A value above the last mark is the newest that there is: it is taken, though what lies before it may be missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_was_written_last_is_there() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    let kept = alpha.publish(&VALUE.at("a"), &1).unwrap();
    journaled(&alpha, &kept).await;
    // One record more, and not the mark that would follow it.
    cluster.ledger.room(Some(1));
    alpha.publish(&VALUE.at("a"), &2).unwrap();
    becomes(&alpha, "a failure", |hub| hub.journal().is_some_and(|info| info.failures > 0)).await;
    assert_eq!(alpha.journal().unwrap().written, kept.stamp);
    cluster.kill(alpha);
    cluster.ledger.room(None);
    let again = cluster.node("alpha").await;
    assert_eq!(again.value(&VALUE.at("a")), Some(2));
    becomes(&again, "that it is this node's own", |hub| hub.published() > 0).await;
    assert_eq!(again.value(&VALUE.at("a")), Some(2));
}

/// A deletion outlives its node, and the value that another one wrote before it does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_value_stays_deleted() {
    let cluster = Cluster::new();
    let (alpha, beta) = (cluster.node("alpha").await, cluster.node("beta").await);
    assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);
    let written = alpha.publish(&VALUE.at("a"), &1).unwrap();
    alpha.publish(&VALUE.at("b"), &1).unwrap();
    alpha.replicated_within(&written, 1, PATIENCE).await.unwrap();
    beta.clear(VALUE.at("a").as_str()).unwrap();
    for hub in [alpha, beta] {
        hub.leave().await;
    }
    for name in ["beta", "alpha"] {
        let hub = cluster.node(name).await;
        assert_eq!((hub.value(&VALUE.at("a")), hub.value(&VALUE.at("b"))), (None, Some(1)), "{name}");
        hub.leave().await;
    }
}

/// The journal was away for longer than deletions are remembered: it learns of them all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_that_was_forgotten_before_it_was_written() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    alpha.publish(&VALUE.at("a"), &1).unwrap();
    let kept = alpha.publish(&VALUE.at("b"), &1).unwrap();
    journaled(&alpha, &kept).await;
    cluster.ledger.room(Some(0));
    alpha.clear(VALUE.at("a").as_str()).unwrap();
    becomes(&alpha, "a failure", |hub| hub.journal().is_some_and(|info| info.failures > 0)).await;
    cluster.clock.advance_ms(25 * HOUR_MS);
    cluster.ledger.room(None);
    let later = alpha.publish(&VALUE.at("c"), &1).unwrap();
    journaled(&alpha, &later).await;
    cluster.kill(alpha);
    cluster.ledger.room(None);
    let again = cluster.node("alpha").await;
    let values = ["a", "b", "c"].map(|name| again.value(&VALUE.at(name)));
    assert_eq!(values, [None, Some(1), Some(1)]);
}

/// What the history of a topic has let go of is told, and nothing else is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_history_let_go_of_is_a_gap() {
    let cluster = Cluster::new();
    cluster.ledger.hold(4);
    let alpha = cluster.node("alpha").await;
    let (full, other) = (HISTORY.at("full"), HISTORY.at("other"));
    let mut cursors = vec![alpha.cursor()];
    for number in 1..=10 {
        let published = alpha.publish(&full, &number).unwrap();
        journaled(&alpha, &published).await;
        cursors.push(alpha.cursor());
    }
    alpha.publish(&other, &1).unwrap();
    alpha.leave().await;

    let beta = cluster.node("beta").await;
    for (seen, cursor) in cursors.iter().enumerate() {
        let mut subscription = after(&beta, full.as_str(), cursor);
        beta.publish(&full, &(11 + seen as u64)).unwrap();
        let told = told(&mut subscription, 11 + seen as u64).await;
        let is_lost = seen < 6;
        assert_eq!(told.iter().any(Result::is_err), is_lost, "after {seen}: {told:?}");
        let first = if is_lost { 7 } else { seen as u64 + 1 };
        let there: Vec<_> = told.into_iter().filter_map(Result::ok).collect();
        assert_eq!(there, (first..=11 + seen as u64).collect::<Vec<_>>(), "after {seen}");
    }
    let mut subscription = after(&beta, other.as_str(), &cursors[0]);
    assert_eq!(told(&mut subscription, 1).await, numbers(1..=1), "its history is not full");
}

/// Writes that fail in the middle are done again: nothing is missing, and nothing comes in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_written_again() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    let before = alpha.cursor();
    let topic = HISTORY.at("a");
    for round in 0..3 {
        cluster.ledger.room(Some(7));
        for number in 1..=20 {
            alpha.publish(&topic, &(20 * round + number)).unwrap();
            alpha.publish(&VALUE.at("a"), &(20 * round + number)).unwrap();
        }
        becomes(&alpha, "a failure", |hub| hub.journal().is_some_and(|info| info.failures > round)).await;
    }
    cluster.ledger.room(None);
    becomes(&alpha, "that all is written", |hub| hub.journal().is_some_and(|info| info.behind == 0)).await;
    assert_eq!(alpha.journal().unwrap().trouble, None);
    alpha.leave().await;
    let beta = cluster.node("beta").await;
    assert_eq!(beta.value(&VALUE.at("a")), Some(60));
    let mut subscription = after(&beta, topic.as_str(), &before);
    assert_eq!(told(&mut subscription, 60).await, numbers(1..=60));
}

/// The journal was behind for longer than messages are kept: what it can never get is a gap, and not silence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_went_before_it_was_written_is_a_gap() {
    let cluster = Cluster::new();
    let alpha = cluster.node_with("alpha", |limits| limits.resend_messages_max = 8).await;
    let (short, long) = (SHORT.at("a"), HISTORY.at("a"));
    let before = alpha.cursor();
    cluster.ledger.room(Some(0));
    for number in 1..=100 {
        alpha.publish(&short, &number).unwrap();
        alpha.publish(&long, &number).unwrap();
    }
    becomes(&alpha, "a failure", |hub| hub.journal().is_some_and(|info| info.failures > 0)).await;
    cluster.ledger.room(None);
    becomes(&alpha, "that all is written", |hub| hub.journal().is_some_and(|info| info.behind == 0)).await;
    assert!(alpha.journal().unwrap().lost > 0);
    let late = alpha.cursor();
    alpha.leave().await;

    let beta = cluster.node("beta").await;
    let mut subscription = after(&beta, short.as_str(), &before);
    let all = told(&mut subscription, 100).await;
    assert!(all[0].is_err() && all.ends_with(&numbers(97..=100)), "{all:?}");
    // Which topics it was is not written: the others are told too, and hold everything.
    let mut subscription = after(&beta, long.as_str(), &before);
    assert!(told(&mut subscription, 100).await.ends_with(&numbers(1..=100)));
    let mut subscription = after(&beta, short.as_str(), &late);
    beta.publish(&short, &101).unwrap();
    assert_eq!(told(&mut subscription, 101).await, numbers(101..=101));
}

/// What a dead node had sent to others, and not written any more, they write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_outlives_a_node_writes_its_last_messages() {
    let cluster = Cluster::new();
    let (alpha, beta) = (cluster.node("alpha").await, cluster.node("beta").await);
    assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);
    let topic = HISTORY.at("a");
    let before = beta.cursor();
    let kept = alpha.publish(&topic, &1).unwrap();
    journaled(&alpha, &kept).await;
    cluster.ledger.room(Some(0));
    alpha.publish(&topic, &2).unwrap();
    let last = alpha.publish(&VALUE.at("a"), &2).unwrap();
    alpha.replicated_within(&last, 1, PATIENCE).await.unwrap();
    cluster.kill(alpha);
    cluster.ledger.room(None);
    becomes(&beta, "that alpha is gone", |hub| hub.nodes().iter().all(|node| node.state != tidings::MemberState::Up))
        .await;
    // It is dead for a while, by beta's clock, as soon as beta has looked once more who lives.
    let looked = beta.publish(&VALUE.at("b"), &1).unwrap();
    journaled(&beta, &looked).await;
    cluster.clock.advance_ms(60_000);
    let mark = || cluster.ledger.marks_of(last.version.origin());
    becomes(&beta, "the mark of alpha's last message", |_| mark() >= last.stamp).await;
    let at_the_end = beta.cursor();
    beta.leave().await;

    let gamma = cluster.node("gamma").await;
    assert_eq!(gamma.value(&VALUE.at("a")), Some(2));
    // Beta's cursors of before and after the death look alike: both are told of it. Neither knows of what is not there.
    for cursor in [before, at_the_end] {
        let mut subscription = after(&gamma, topic.as_str(), &cursor);
        assert_eq!(told(&mut subscription, 2).await, [Err(GapCause::NodeDied), Ok(1), Ok(2)]);
    }
}

/// A record that cannot be read is a loss like any other: told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_is_a_gap() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    let (damaged, whole) = (HISTORY.at("damaged"), HISTORY.at("whole"));
    let before = alpha.cursor();
    alpha.publish(&damaged, &1).unwrap();
    alpha.publish(&whole, &1).unwrap();
    alpha.leave().await;
    cluster.ledger.damage(damaged.name().unwrap());
    let beta = cluster.node("beta").await;
    let mut subscription = after(&beta, damaged.as_str(), &before);
    beta.publish(&damaged, &2).unwrap();
    let all = told(&mut subscription, 2).await;
    assert!(matches!(all[..], [Err(_), Ok(2)]), "{all:?}");
}

/// What is older than its topic keeps it does not come back with the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_past_its_age_does_not_come_back() {
    let cluster = Cluster::new();
    let alpha = cluster.node("alpha").await;
    let topic = AGING.at("a");
    let before = alpha.cursor();
    alpha.publish(&topic, &1).unwrap();
    cluster.clock.advance_ms(11 * 60_000);
    alpha.publish(&topic, &2).unwrap();
    alpha.leave().await;
    let beta = cluster.node("beta").await;
    let mut subscription = after(&beta, topic.as_str(), &before);
    let all = told(&mut subscription, 2).await;
    assert!(matches!(all[..], [Err(_), Ok(2)]), "{all:?}");
}

/// Of several restarts, each with an origin of its own, cursors do not keep those that are long dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_that_are_long_dead_are_not_in_cursors() {
    let cluster = Cluster::new();
    for number in 1..=5 {
        let hub = cluster.node("alpha").await;
        hub.publish(&HISTORY.at("a"), &number).unwrap();
        hub.leave().await;
        cluster.clock.advance_ms(HOUR_MS);
    }
    let hub = cluster.node("alpha").await;
    let mut all = hub.subscribe_from(HISTORY.at("a").as_str(), Start::RETAINED).unwrap();
    assert_eq!(told(&mut all, 5).await, numbers(1..=5));
    let cursor: tidings::wire::Cursor = hub.cursor().parse().unwrap();
    assert_eq!(cursor.iter().count(), 3, "its own, and those that died one and two hours ago");
}

/// A payload of the largest size is a record; a journal that takes less is refused at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_has_to_take_the_largest_message() {
    let cluster = Cluster::new();
    let hub = cluster.node_with("alpha", |limits| limits.payload_bytes_max = 4 * 1024 * 1024).await;
    let text = "x".repeat(4 * 1024 * 1024 - 2);
    hub.broadcast(HISTORY.at("a").as_str(), Payload::of(&text).unwrap()).unwrap();
    hub.leave().await;
    cluster.ledger.record_bytes(1024 * 1024);
    let hub = Hub::solo("beta").unwrap();
    let refused = hub.connect(Journaled::new(cluster.mesh.carrier(), Arc::new(cluster.ledger.clone()))).await;
    assert!(refused.unwrap_err().to_string().contains("records of 1048576 bytes"));
    assert!(hub.nodes().is_empty() && hub.journal().is_none(), "it is alone, as before");
}

/// Each start writes its values under an origin of its own; what long dead ones wrote, and others wrote over, goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_were_written_over_do_not_pile_up() {
    let cluster = Cluster::new();
    for number in 1..=5 {
        let hub = cluster.node("alpha").await;
        hub.publish(&VALUE.at("a"), &number).unwrap();
        if number == 1 {
            hub.publish(&VALUE.at("b"), &number).unwrap();
        }
        hub.leave().await;
        cluster.clock.advance_ms(2 * HOUR_MS);
    }
    let hub = cluster.node("alpha").await;
    // The last one of a, and that of b: the others have been dead for four hours and more.
    becomes(&hub, "that the others are gone", |_| cluster.ledger.values() == 2).await;
    hub.leave().await;
    let hub = cluster.node("alpha").await;
    assert_eq!((hub.value(&VALUE.at("a")), hub.value(&VALUE.at("b"))), (Some(5), Some(1)));
}

/// Chance without a crate for it: what a seed says (`SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One node after another publishes while the journal fails now and then, and ends in order or by a crash. Whoever comes
/// back with any cursor of it is told every message once and in order, or a gap; the value is the newest, or its reader is
/// told `rewound`.
async fn one_seed(seed: u64) {
    let mut chance = Chance(seed);
    let cluster = Cluster::new();
    cluster.ledger.hold(1 + chance.below(12) as usize);
    let topics = ["a", "b"].map(|name| HISTORY.at(name));
    // Cursors, each with how many messages of each topic its reader has, and the value.
    let mut seen = Vec::new();
    let mut published = [0, 0];
    let mut value = 0;
    for start in 0..3 {
        let resend = 4 + chance.below(60) as usize;
        let hub = cluster.node_with(&format!("node-{start}"), |limits| limits.resend_messages_max = resend).await;
        // What a crash took is published by nobody: numbers go on from what is there.
        let held = |name| hub.history(&format!("history/{name}").parse().unwrap(), 1).pop();
        for (count, name) in published.iter_mut().zip(["a", "b"]) {
            *count = held(name).map_or(0, |entry| entry.payload.as_ref().unwrap().decode().unwrap());
        }
        value = hub.value(&VALUE.at("v")).unwrap_or(0).max(value);
        for _ in 0..chance.below(40) {
            match chance.below(10) {
                0 => cluster.ledger.room(Some(chance.below(20) as usize)),
                1 => cluster.ledger.room(None),
                2 => tokio::time::timeout(Duration::from_secs(5), hub.changed()).await.unwrap_or(()),
                3 => drop(hub.publish(&BEEP.at("x"), &0).unwrap()),
                4 => {
                    value += 1;
                    hub.publish(&VALUE.at("v"), &value).unwrap();
                }
                number => {
                    let nth = (number % 2) as usize;
                    published[nth] += 1;
                    hub.publish(&topics[nth], &published[nth]).unwrap();
                }
            }
            seen.push((start, hub.cursor(), published, hub.value(&VALUE.at("v")).unwrap_or(0)));
        }
        if chance.below(2) == 0 {
            cluster.ledger.room(None);
            becomes(&hub, "that all is written", |hub| hub.journal().is_some_and(|info| info.behind == 0)).await;
            hub.leave().await;
        } else {
            cluster.kill(hub);
        }
        cluster.ledger.room(None);
        let next = cluster.node("reader").await;
        // It writes nothing down, and so leaves nothing behind.
        cluster.ends.lock().unwrap()["reader"].cut();
        for (of_start, cursor, had, its_value) in seen.iter().filter(|(of_start, ..)| *of_start == start) {
            for (nth, topic) in topics.iter().enumerate() {
                let mut subscription = after(&next, topic.as_str(), cursor);
                next.publish(topic, &u64::MAX).unwrap();
                let told = told(&mut subscription, u64::MAX).await;
                let has_gap = told.iter().any(Result::is_err);
                let came: Vec<_> =
                    told.into_iter().filter_map(Result::ok).filter(|number| *number < u64::MAX).collect();
                let owed: Vec<_> = (had[nth] + 1..=published[nth]).collect();
                let context =
                    format!("seed {seed}, start {of_start}, {topic:?} after {had:?}: {came:?}, owed {owed:?}");
                assert!(has_gap || came == owed, "{context}");
                assert!(came.is_sorted(), "{context}");
            }
            let is = next.value(&VALUE.at("v")).unwrap_or(0);
            let mut subscription = after(&next, VALUE.at("v").as_str(), cursor);
            let newest = next.publish(&VALUE.at("v"), &is.max(1)).unwrap();
            let has_gap = loop {
                match timeout(PATIENCE, subscription.next()).await.expect("a word") {
                    Delivery::Message(entry) if entry.version == newest.version => break false,
                    Delivery::Message(_) => {}
                    _ => break true,
                }
            };
            assert!(
                has_gap || is >= *its_value,
                "seed {seed}, start {of_start}: {is} after {its_value}, without a word"
            );
        }
        cluster.kill(next);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_schedule_of_failures_is_told() {
    let mut seeds = tokio::task::JoinSet::new();
    for seed in 0..100 {
        seeds.spawn(one_seed(seed));
    }
    while let Some(done) = seeds.join_next().await {
        done.unwrap();
    }
}
