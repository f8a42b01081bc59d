//! Faults made on purpose, seen by the nodes' hubs.

use std::time::Duration;

use tidings::{Delivery, Faults, Hub, MemberState, Payload, testing::Mesh};

const PATIENCE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);

struct Pair {
    alpha: Hub,
    beta: Hub,
    faults: Faults,
}

async fn pair() -> Pair {
    let mesh = Mesh::default();
    let (alpha, beta) = (Hub::solo("alpha").unwrap(), Hub::solo("beta").unwrap());
    let (carrier, faults) = Faults::around(mesh.carrier());
    alpha.connect(carrier).await.unwrap();
    beta.connect(mesh.carrier()).await.unwrap();
    for hub in [&alpha, &beta] {
        assert_eq!(hub.wait_for_nodes(1, PATIENCE).await, 1);
    }
    Pair { alpha, beta, faults }
}

async fn becomes(hub: &Hub, state: MemberState) {
    let is = || hub.nodes().first().is_some_and(|member| member.state == state);
    let becomes = async {
        while !is() {
            hub.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, becomes).await.unwrap_or_else(|_| panic!("{:?} is not {state:?}", hub.nodes()));
}

#[tokio::test]
async fn a_link_is_cut_and_healed() {
    let Pair { alpha, beta, faults } = pair().await;
    let name = beta.node_name().clone();
    let mut subscription = alpha.subscribe("news").unwrap();
    subscription.ready().await;
    faults.cut(&name, LONG);
    becomes(&alpha, MemberState::Down).await;
    assert_eq!(alpha.nodes()[0].reason.as_deref(), Some("the link was cut on purpose"));
    assert!(faults.list()[0].cut && faults.list()[0].left_ms > 0);
    beta.broadcast("news", Payload::of(&1).unwrap()).unwrap();
    faults.heal(&name);
    becomes(&alpha, MemberState::Up).await;
    let next = tokio::time::timeout(PATIENCE, async {
        loop {
            // The cut is told as a gap first.
            if let Delivery::Message(entry) = subscription.next().await {
                return entry.payload.clone().unwrap().decode::<u64>().unwrap();
            }
        }
    });
    assert_eq!(next.await.unwrap(), 1);
    assert!(faults.list().is_empty());
}

#[tokio::test]
async fn a_fault_ends_by_itself() {
    let Pair { alpha, beta, faults } = pair().await;
    faults.cut(beta.node_name(), Duration::from_millis(20));
    // The end is waited for, however short the cut was.
    becomes(&alpha, MemberState::Up).await;
    let ended = async {
        while !faults.list().is_empty() {
            alpha.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    becomes(&alpha, MemberState::Up).await;
}

#[tokio::test]
async fn what_is_held_back_comes_in_order() {
    let Pair { alpha, beta, faults } = pair().await;
    let mut subscription = alpha.subscribe("news").unwrap();
    subscription.ready().await;
    faults.delay(beta.node_name(), Duration::from_millis(50), LONG);
    for number in 1..=20_u64 {
        beta.broadcast("news", Payload::of(&number).unwrap()).unwrap();
    }
    for number in 1..=20 {
        match tokio::time::timeout(PATIENCE, subscription.next()).await.unwrap() {
            Delivery::Message(entry) => assert_eq!(entry.payload.clone().unwrap().decode::<u64>().unwrap(), number),
            other => panic!("message {number} was expected, and not {other:?}"),
        }
    }
}
