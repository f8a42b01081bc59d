//! What holds among three nodes.

use super::{
    HISTORY, PATIENCE, TestEngine, VALUE, expect,
    local::{first, joined},
    must, payload, ready, until,
};
use crate::{Delivery, Hub, MemberState, PublishError, Start, Subscription, wire::event::GapCause};

/// Names of the nodes.
pub(super) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// Messages of a burst that is more than a link keeps for a peer that is cut off.
const BURST: u64 = 20_000;

pub(super) async fn start(engine: &dyn TestEngine, name: &str) -> Hub {
    let hub = Hub::solo(name).expect("a plain name");
    hub.serve(VALUE);
    hub.serve(HISTORY);
    engine.connect(&hub).await;
    hub
}

/// Three nodes that see each other.
pub(super) async fn three(engine: &dyn TestEngine) -> [Hub; 3] {
    let hubs = [start(engine, NAMES[0]).await, start(engine, NAMES[1]).await, start(engine, NAMES[2]).await];
    for hub in &hubs {
        assert_eq!(hub.wait_for_nodes(2, PATIENCE).await, 2, "{}", hub.node_name());
    }
    hubs
}

/// Something becomes true of a hub. Looked at again whenever it may have changed.
pub(super) async fn becomes(hub: &Hub, what: &str, is: impl Fn(&Hub) -> bool) {
    must(what, async {
        while !is(hub) {
            hub.changed().await;
        }
    })
    .await;
}

pub(super) fn state_of(hub: &Hub, node: &str) -> Option<MemberState> {
    hub.nodes().iter().find(|member| member.node.as_str() == node).map(|member| member.state)
}

/// Phoenix: a broadcast reaches the subscribers of every node.
pub async fn every_node_receives(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let mut subscriptions = Vec::new();
    for hub in &hubs {
        subscriptions.push(ready(hub, "conformance/a").await);
    }
    hubs[0].broadcast("conformance/a", payload(1)).expect("inside all limits");
    for subscription in &mut subscriptions {
        expect(subscription, 1).await;
    }
}

/// `broadcast_from` skips the sender on every node, and on replay. (Phoenix: on the publisher's own node.)
pub async fn from_skips_the_sender_everywhere(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let topic = HISTORY.at("from");
    let cursor = beta.cursor();
    let mut own = joined(beta.reader().expect("inside all limits").excluding("me"), topic.as_str()).await;
    alpha.broadcast_from("me", topic.as_str(), payload(1)).expect("inside all limits");
    alpha.broadcast(topic.as_str(), payload(2)).expect("inside all limits");
    assert_eq!(first(&mut own).await, 2);
    let mut again = beta.reader().expect("inside all limits").excluding("me");
    again.join(1, vec![(topic.as_str().parse().expect("a plain name"), Start::After(cursor))]);
    assert_eq!(first(&mut again).await, 2);
}

/// Phoenix: `local_broadcast` is not heard elsewhere.
pub async fn local_stays_on_its_node(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let mut far = ready(&beta, "conformance/a").await;
    alpha.local_broadcast("conformance/a", payload(1)).expect("inside all limits");
    alpha.broadcast("conformance/a", payload(2)).expect("inside all limits");
    expect(&mut far, 2).await;
}

/// Phoenix: `direct_broadcast` is heard on one node; an unknown node is an error.
pub async fn direct_goes_to_one_node(engine: &dyn TestEngine) {
    let [alpha, beta, gamma] = three(engine).await;
    let (mut there, mut elsewhere) = (ready(&beta, "conformance/a").await, ready(&gamma, "conformance/a").await);
    alpha.direct_broadcast(beta.node_name(), "conformance/a", payload(1)).expect("beta is up");
    expect(&mut there, 1).await;
    alpha.broadcast("conformance/a", payload(2)).expect("inside all limits");
    expect(&mut elsewhere, 2).await;
    let nobody = "nobody".parse().expect("a plain name");
    let refused = alpha.direct_broadcast(&nobody, "conformance/a", payload(3));
    assert!(matches!(refused, Err(PublishError::UnknownNode { .. })), "{refused:?}");
}

/// Promise 1: one publisher's messages arrive everywhere in the order in which they were published.
pub async fn every_node_keeps_the_order(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let topic = HISTORY.at("order");
    let mut subscriptions = Vec::new();
    for hub in &hubs {
        subscriptions.push(ready(hub, topic.as_str()).await);
    }
    for number in 1..=2_000 {
        hubs[0].publish(&topic, &number).expect("inside all limits");
    }
    for subscription in &mut subscriptions {
        for number in 1..=2_000 {
            expect(subscription, number).await;
        }
    }
}

/// A node that comes later has values and history.
pub async fn a_late_node_has_what_is_kept(engine: &dyn TestEngine) {
    let (alpha, _beta) = (start(engine, NAMES[0]).await, start(engine, NAMES[1]).await);
    alpha.publish(&VALUE.at("late"), &7).expect("inside all limits");
    for number in 1..=3 {
        alpha.publish(&HISTORY.at("late"), &number).expect("inside all limits");
    }
    let gamma = start(engine, NAMES[2]).await;
    assert_eq!(gamma.wait_for_nodes(2, PATIENCE).await, 2);
    assert_eq!(gamma.value(&VALUE.at("late")), Some(7), "caught up before it said so");
    let history = HISTORY.at("late");
    let mut subscription = gamma.subscribe_from(history.as_str(), Start::RETAINED).expect("inside all limits");
    assert_eq!(until(&mut subscription, 3).await, (vec![1, 2], 0));
}

/// Promise 2: a cursor of one node is gone on from at another, without a hole and without a repetition.
pub async fn resume_goes_on_at_another_node(engine: &dyn TestEngine) {
    let [alpha, beta, gamma] = three(engine).await;
    let topic = HISTORY.at("resume");
    let mut at_beta = ready(&beta, topic.as_str()).await;
    for number in 1..=5 {
        alpha.publish(&topic, &number).expect("inside all limits");
    }
    let mut cursor = None;
    for number in 1..=3 {
        match must("a message", at_beta.next()).await {
            Delivery::Message(entry) => {
                assert_eq!(super::number(&entry), number);
                cursor = Some(entry.cursor.clone());
            }
            other => panic!("{other:?}"),
        }
    }
    drop(at_beta);
    let cursor = cursor.expect("three messages");
    let mut at_gamma = gamma.subscribe_from(topic.as_str(), Start::After(cursor)).expect("inside all limits");
    assert_eq!(until(&mut at_gamma, 5).await, (vec![4], 0));
}

/// A Signal goes only to nodes that need it, and is heard from when a subscription is ready.
pub async fn a_signal_is_heard_once_it_is_ready(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    for number in 1..=100 {
        alpha.broadcast("conformance/signal", payload(number)).expect("inside all limits");
    }
    let mut subscription = ready(&beta, "conformance/signal").await;
    // As many as a Signal's ring holds for a subscriber that does not read meanwhile.
    for number in 101..=150 {
        alpha.broadcast("conformance/signal", payload(number)).expect("inside all limits");
    }
    // Some of the first hundred may have been under way to others when this node asked, and reach it, too.
    let (early, _) = until(&mut subscription, 101).await;
    assert!(early.is_sorted() && early.iter().all(|number| *number <= 100), "{early:?}");
    for number in 102..=150 {
        expect(&mut subscription, number).await;
    }
}

/// A subscription to a Signal hears its own node from the start, though others have still to answer.
pub async fn a_signal_of_its_own_node_is_heard_at_once(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let mut subscription = alpha.subscribe("conformance/early").expect("inside all limits");
    let mut pattern = alpha.subscribe("conformance/*").expect("inside all limits");
    alpha.broadcast("conformance/early", payload(1)).expect("inside all limits");
    alpha.local_broadcast("conformance/early", payload(2)).expect("inside all limits");
    beta.direct_broadcast(alpha.node_name(), "conformance/early", payload(3)).expect("inside all limits");
    for number in 1..=3 {
        expect(&mut subscription, number).await;
        expect(&mut pattern, number).await;
    }
}

/// Cuts the first node off from the others, and waits until both sides know.
pub(super) async fn cut_off(engine: &dyn TestEngine, hubs: &[Hub; 3]) {
    engine.cut(NAMES[0], NAMES[1]);
    engine.cut(NAMES[0], NAMES[2]);
    becomes(&hubs[0], "that beta is down", |hub| state_of(hub, NAMES[1]) == Some(MemberState::Down)).await;
    becomes(&hubs[0], "that gamma is down", |hub| state_of(hub, NAMES[2]) == Some(MemberState::Down)).await;
    becomes(&hubs[1], "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
    becomes(&hubs[2], "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
}

pub(super) async fn heal(engine: &dyn TestEngine, hubs: &[Hub; 3]) {
    engine.heal();
    for hub in hubs {
        becomes(hub, "that all are up", |hub| {
            hub.nodes().iter().filter(|member| member.state == MemberState::Up).count() == 2
        })
        .await;
    }
}

/// Promise 6: both sides write, and all nodes end with the newest.
pub async fn values_converge_after_a_partition(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let topic = VALUE.at("split");
    cut_off(engine, &hubs).await;
    let first = hubs[0].publish(&topic, &1).expect("inside all limits").version;
    let second = hubs[1].publish(&topic, &2).expect("inside all limits").version;
    heal(engine, &hubs).await;
    let newest = if first > second { 1 } else { 2 };
    for hub in &hubs {
        becomes(hub, "the newest value", |hub| hub.value(&topic) == Some(newest)).await;
    }
}

/// Promise 6: a deletion is one of the writes.
pub async fn deletions_converge_after_a_partition(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let topic = VALUE.at("deleted");
    let published = hubs[0].publish(&topic, &1).expect("inside all limits");
    hubs[0].replicated_within(&published, 2, PATIENCE).await.expect("nothing is cut yet");
    cut_off(engine, &hubs).await;
    hubs[1].clear(topic.as_str()).expect("inside all limits");
    heal(engine, &hubs).await;
    for hub in &hubs {
        becomes(hub, "the deletion", |hub| hub.value(&topic).is_none()).await;
    }
}

/// Promise 2: what was published on the other side comes after the heal, once and in order.
pub async fn what_a_partition_held_back_comes(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let topic = HISTORY.at("held");
    let mut subscription = ready(&hubs[1], topic.as_str()).await;
    cut_off(engine, &hubs).await;
    for number in 1..=50 {
        hubs[0].publish(&topic, &number).expect("inside all limits");
    }
    heal(engine, &hubs).await;
    let (numbers, gaps) = until(&mut subscription, 50).await;
    assert_eq!(numbers, (1..50).collect::<Vec<_>>());
    assert_eq!(gaps, 1, "that alpha may have died was told");
}

/// Promise 2: a Signal that was let go of before it could come is a gap.
pub async fn what_nobody_got_is_a_gap(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let mut subscription = ready(&hubs[1], "conformance/signal").await;
    cut_off(engine, &hubs).await;
    for number in 1..=BURST {
        hubs[0].broadcast("conformance/signal", payload(number)).expect("inside all limits");
    }
    heal(engine, &hubs).await;
    hubs[0].broadcast("conformance/signal", payload(0)).expect("inside all limits");
    let (numbers, gaps) = until(&mut subscription, 0).await;
    assert!(gaps > 0, "{} of {BURST} came, and no gap", numbers.len());
    assert!(numbers.is_sorted());
}

/// Promise 5, and what nobody has received dies with its origin: readers are told.
pub async fn a_death_is_told_once(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let mut subscription = ready(&beta, HISTORY.at("death").as_str()).await;
    engine.kill(alpha).await;
    becomes(&beta, "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
    expect_gap(&mut subscription, GapCause::NodeDied).await;
    beta.publish(&HISTORY.at("death"), &1).expect("inside all limits");
    expect(&mut subscription, 1).await;
}

/// A node that says goodbye has lost nothing: no gap.
pub async fn who_leaves_is_no_crash(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let topic = HISTORY.at("leave");
    let mut subscription = ready(&beta, topic.as_str()).await;
    alpha.publish(&topic, &1).expect("inside all limits");
    must("a goodbye", alpha.leave()).await;
    becomes(&beta, "that alpha has left", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Left)).await;
    beta.publish(&topic, &2).expect("inside all limits");
    expect(&mut subscription, 1).await;
    expect(&mut subscription, 2).await;
}

/// `replicated` counts peers that have applied, and says what it counted when its time is over.
pub async fn confirmed_by_those_that_have_it(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let published = hubs[0].broadcast("conformance/a", payload(1)).expect("inside all limits");
    assert_eq!(hubs[0].replicated_within(&published, 2, PATIENCE).await, Ok(2));
    cut_off(engine, &hubs).await;
    let published = hubs[0].broadcast("conformance/a", payload(2)).expect("inside all limits");
    let answer = hubs[0].replicated_within(&published, 1, std::time::Duration::from_millis(200)).await;
    assert_eq!(answer.map_err(|error| error.confirmed), Err(0));
}

/// What nobody reads on a node is not sent to it; a pattern below two plain segments asks for no more than it matches.
pub async fn signals_go_where_they_are_heard(engine: &dyn TestEngine) {
    const COUNT: u64 = 500;
    let [alpha, beta, gamma] = three(engine).await;
    let mut pattern = ready(&beta, "conformance/seven/**").await;
    for number in 1..=COUNT {
        alpha.broadcast("conformance/eight/a", payload(number)).expect("inside all limits");
        alpha.broadcast("conformance/seven/a", payload(number)).expect("inside all limits");
        // One at a time: a Signal keeps few.
        expect(&mut pattern, number).await;
    }
    let last = alpha.broadcast("conformance/eight/a", payload(0)).expect("inside all limits");
    alpha.replicated_within(&last, 2, PATIENCE).await.expect("both are up");
    let counts = |node: &Hub| {
        let member = alpha.nodes().into_iter().find(|member| member.node == *node.node_name()).expect("it is up");
        (member.sent, member.spared)
    };
    let ((sent, spared), (sent_to_none, spared_to_none)) = (counts(&beta), counts(&gamma));
    assert!(sent >= COUNT && spared > COUNT, "beta reads one of two topics: {sent} sent, {spared} spared");
    assert_eq!(sent_to_none, 0, "gamma reads none");
    assert!(spared_to_none > 2 * COUNT, "{spared_to_none}");
}

/// Promise 4: a publisher does not wait for a peer that takes nothing, and the others hear it.
pub async fn a_stopped_peer_slows_nobody(engine: &dyn TestEngine) {
    let hubs = three(engine).await;
    let topic = HISTORY.at("stopped");
    let mut subscription = ready(&hubs[2], topic.as_str()).await;
    engine.cut(NAMES[0], NAMES[1]);
    for number in 1..=BURST {
        hubs[0].publish(&topic, &number).expect("never refused for a peer's sake");
        if number % 1_000 == 0 {
            expect_up_to(&mut subscription, number).await;
        }
    }
}

/// A node that comes back under its name is another start, and gets everything.
pub async fn a_restart_is_another_start(engine: &dyn TestEngine) {
    let [alpha, beta, _gamma] = three(engine).await;
    let published = alpha.publish(&VALUE.at("restart"), &1).expect("inside all limits");
    alpha.replicated_within(&published, 2, PATIENCE).await.expect("both are up");
    let epoch = alpha.epoch();
    engine.kill(alpha).await;
    becomes(&beta, "that alpha is down", |hub| state_of(hub, NAMES[0]) == Some(MemberState::Down)).await;
    let alpha = start(engine, NAMES[0]).await;
    assert_ne!(alpha.epoch(), epoch);
    assert_eq!(alpha.wait_for_nodes(2, PATIENCE).await, 2);
    assert_eq!(alpha.value(&VALUE.at("restart")), Some(1));
    becomes(&beta, "alpha's new epoch", |hub| {
        hub.nodes().iter().any(|member| member.node.as_str() == NAMES[0] && member.epoch == Some(alpha.epoch()))
    })
    .await;
}

async fn expect_gap(subscription: &mut Subscription, wanted: GapCause) {
    match must("a gap", subscription.next()).await {
        Delivery::Gap { cause, .. } => assert_eq!(cause, wanted),
        other => panic!("a gap was expected, and not {other:?}"),
    }
}

/// Messages in order, up to this one.
async fn expect_up_to(subscription: &mut Subscription, last: u64) {
    for number in last - 999..=last {
        expect(subscription, number).await;
    }
}
