//! What holds on a node alone, and on each node of a cluster.

use super::{HISTORY, SHORT, VALUE, expect, number, payload, ready, until};
use crate::{Delivery, Hub, PublishError, Reader, Start, wire::NodeName};

fn serve(hub: &Hub) {
    hub.serve(VALUE);
    hub.serve(HISTORY);
    hub.serve(SHORT);
}

/// Phoenix: subscribe and unsubscribe.
pub async fn subscribe_and_unsubscribe(hub: Hub) {
    let topic = "conformance/a".parse().expect("a plain name");
    let before = hub.readers(&topic);
    let subscription = ready(&hub, "conformance/a").await;
    assert_eq!(hub.readers(&topic), before + 1);
    drop(subscription);
    assert_eq!(hub.readers(&topic), before);
}

/// Phoenix: broadcast to each subscriber, the publisher's own among them.
pub async fn each_subscriber_receives_the_publisher_too(hub: Hub) {
    let (mut one, mut two) = (ready(&hub, "conformance/a").await, ready(&hub, "conformance/a").await);
    hub.broadcast("conformance/a", payload(1)).expect("inside all limits");
    expect(&mut one, 1).await;
    expect(&mut two, 1).await;
}

/// Phoenix: subscribers of other topics hear nothing.
pub async fn other_topics_do_not(hub: Hub) {
    let mut other = ready(&hub, "conformance/b").await;
    hub.broadcast("conformance/a", payload(1)).expect("inside all limits");
    hub.broadcast("conformance/b", payload(2)).expect("inside all limits");
    expect(&mut other, 2).await;
}

/// Phoenix: `broadcast_from` skips the sender. Here it is a public id, and not a process.
pub async fn from_skips_the_sender(hub: Hub) {
    let mut own = joined(hub.reader().expect("inside all limits").excluding("me"), "conformance/a").await;
    let mut other = ready(&hub, "conformance/a").await;
    hub.broadcast_from("me", "conformance/a", payload(1)).expect("inside all limits");
    hub.broadcast("conformance/a", payload(2)).expect("inside all limits");
    expect(&mut other, 1).await;
    expect(&mut other, 2).await;
    assert_eq!(first(&mut own).await, 2);
}

/// Phoenix: to unsubscribe what is not subscribed to does nothing.
pub async fn unsubscribe_unknown_does_nothing(hub: Hub) {
    let mut reader = hub.reader().expect("inside all limits");
    assert!(!reader.leave(&"conformance/a".parse().expect("a plain name")));
}

/// Phoenix: `local_broadcast`. Refused where something is kept, for that belongs to all nodes.
pub async fn local_stays_local(hub: Hub) {
    serve(&hub);
    let mut subscription = ready(&hub, "conformance/a").await;
    let published = hub.local_broadcast("conformance/a", payload(1)).expect("inside all limits");
    assert_eq!(published.stamp, 0, "it is in no cursor");
    expect(&mut subscription, 1).await;
    let refused = hub.local_broadcast(VALUE.at("a").as_str(), payload(1));
    assert!(matches!(refused, Err(PublishError::Kind { .. })), "{refused:?}");
}

/// Phoenix: `direct_broadcast` to a node, and to an unknown one; there that is `:ok`, here it is an error.
pub async fn direct_to_itself_and_to_nobody(hub: Hub) {
    let mut subscription = ready(&hub, "conformance/a").await;
    hub.direct_broadcast(hub.node_name(), "conformance/a", payload(1)).expect("this node is up");
    expect(&mut subscription, 1).await;
    let nobody = NodeName::new("nobody").expect("a plain name");
    let refused = hub.direct_broadcast(&nobody, "conformance/a", payload(2));
    assert!(matches!(&refused, Err(PublishError::UnknownNode { node }) if *node == nobody), "{refused:?}");
}

/// Promise 1, on one node.
pub async fn messages_keep_their_order(hub: Hub) {
    serve(&hub);
    let mut subscription = ready(&hub, HISTORY.at("order").as_str()).await;
    for number in 1..=1_000 {
        hub.publish(&HISTORY.at("order"), &number).expect("inside all limits");
    }
    for number in 1..=1_000 {
        expect(&mut subscription, number).await;
    }
}

/// Promises 2 and 4: who does not read in time is told, once, and goes on with what is kept.
pub async fn who_is_slow_is_told(hub: Hub) {
    serve(&hub);
    let mut subscription = ready(&hub, SHORT.at("slow").as_str()).await;
    for number in 1..=10 {
        hub.publish(&SHORT.at("slow"), &number).expect("inside all limits");
    }
    let (numbers, gaps) = until(&mut subscription, 10).await;
    assert_eq!((numbers, gaps), (vec![7, 8, 9], 1));
}

/// Promise 2: a cursor is gone on from.
pub async fn what_was_missed_is_resumed(hub: Hub) {
    serve(&hub);
    let topic = HISTORY.at("resume");
    hub.publish(&topic, &1).expect("inside all limits");
    let cursor = hub.cursor();
    for number in 2..=5 {
        hub.publish(&topic, &number).expect("inside all limits");
    }
    let mut subscription = hub.subscribe_from(topic.as_str(), Start::After(cursor)).expect("inside all limits");
    let (numbers, gaps) = until(&mut subscription, 5).await;
    assert_eq!((numbers, gaps), (vec![2, 3, 4], 0));
}

/// A State topic's value is there for who comes later, and its deletion too.
pub async fn a_value_is_there_for_who_comes_later(hub: Hub) {
    serve(&hub);
    let topic = VALUE.at("later");
    hub.publish(&topic, &1).expect("inside all limits");
    hub.publish(&topic, &2).expect("inside all limits");
    assert_eq!(hub.value(&topic), Some(2));
    hub.clear(topic.as_str()).expect("inside all limits");
    assert_eq!(hub.value(&topic), None);
}

/// A reader that has joined a topic now.
pub(super) async fn joined(mut reader: Reader, topic: &str) -> Reader {
    reader.join(1, vec![(topic.parse().expect("a plain name"), Start::Now)]);
    let mut batch = Vec::new();
    while !batch.iter().any(|delivery| matches!(delivery, Delivery::Joined { .. })) {
        super::must("a join", std::future::poll_fn(|context| reader.poll_read(context, &mut batch))).await;
    }
    reader
}

/// The number of the first message that a reader gets.
pub(super) async fn first(reader: &mut Reader) -> u64 {
    let mut batch = Vec::new();
    loop {
        super::must("a message", std::future::poll_fn(|context| reader.poll_read(context, &mut batch))).await;
        for delivery in batch.drain(..) {
            if let Delivery::Message(entry) = delivery {
                return number(&entry);
            }
        }
    }
}
