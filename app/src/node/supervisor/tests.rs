use tidings::{MemberState, Principal, testing::Mesh};
use tokio::time::timeout;

use super::*;
use crate::topics::{COUNTER, SEES};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn hub(node: &str) -> Hub {
    let hub = Hub::solo(node).unwrap();
    crate::node::serve_topics(&hub);
    hub
}

async fn node(mesh: &Mesh, name: &str) -> (Hub, NodeHandle) {
    let hub = hub(name);
    hub.connect(mesh.carrier()).await.unwrap();
    let handle = start(hub.clone(), NodeOptions::new(|| 0).clustered(true)).await.unwrap();
    (hub, handle)
}

/// Waits for a condition of the cluster, or of what its actors have told.
async fn until(hub: &Hub, what: &str, is: impl Fn() -> bool) {
    let met = async {
        while !is() {
            hub.changed().await;
        }
    };
    timeout(PATIENCE, met).await.unwrap_or_else(|_| panic!("it never came to be that {what}"));
}

fn name(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn counter(hub: &Hub, of: &str) -> Option<u64> {
    hub.value(&COUNTER.at(name(of)))
}

async fn restarted(node: &NodeHandle, first: &ActorRef<Command>) {
    let mut worker = node.worker.clone();
    let is_another =
        |worker: &Option<ActorRef<Command>>| worker.as_ref().is_some_and(|worker| worker.get_id() != first.get_id());
    timeout(PATIENCE, worker.wait_for(is_another)).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_counter_survives_a_crash_of_its_actor() {
    let hub = hub("alpha");
    let node = start(hub.clone(), NodeOptions::new(|| 0)).await.unwrap();
    assert_eq!(node.add(41).await.unwrap(), 41);
    let first = node.worker.borrow().clone().unwrap();
    node.order(hub.node_name(), Order::Crash).await.unwrap();
    restarted(&node, &first).await;
    assert_eq!(node.add(1).await.unwrap(), 42);
    assert_eq!(counter(&hub, "alpha"), Some(42));
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_nodes_actor_adds_and_crashes_when_it_is_asked_to() {
    let mesh = Mesh::default();
    let ((alpha, at_alpha), (beta, at_beta)) = (node(&mesh, "alpha").await, node(&mesh, "beta").await);
    assert_eq!(alpha.wait_for_nodes(1, PATIENCE).await, 1);
    assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);
    let beta_name = name("beta");
    assert_eq!(at_alpha.order(&beta_name, Order::Add(5)).await.unwrap(), 5);
    until(&alpha, "alpha has beta's counter", || counter(&alpha, "beta") == Some(5)).await;

    let first = at_beta.worker.borrow().clone().unwrap();
    at_alpha.order(&beta_name, Order::Crash).await.unwrap();
    restarted(&at_beta, &first).await;
    assert_eq!(at_alpha.order(&beta_name, Order::Add(2)).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tells_what_it_sees_of_the_other() {
    let mesh = Mesh::default();
    let ((alpha, _at_alpha), (_beta, _at_beta)) = (node(&mesh, "alpha").await, node(&mesh, "beta").await);
    let sees = |of: &str| alpha.value(&SEES.at(name(of)));
    let up = |of: &str, other: &str| {
        sees(of).is_some_and(|sees| {
            let seen = sees.of(&name(other)).filter(|seen| seen.fare == crate::cluster::Fare::Up);
            // Two messages a second travel, and a question is answered.
            seen.is_some_and(|seen| seen.sent >= 2 && seen.round_trip_ms.is_some_and(|ms| ms > 0.0 && ms < 2_000.0))
        })
    };
    until(&alpha, "both have counted and measured", || up("alpha", "beta") && up("beta", "alpha")).await;

    mesh.kill("beta");
    until(&alpha, "alpha tells that beta is down", || {
        sees("alpha").is_some_and(|sees| {
            let seen = sees.of(&name("beta")).filter(|seen| seen.fare == crate::cluster::Fare::Down);
            seen.is_some_and(|seen| seen.reason.is_some() && seen.round_trip_ms.is_none())
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counter_survives_the_process_because_others_hold_it() {
    let mesh = Mesh::default();
    let ((alpha, at_alpha), (beta, _at_beta)) = (node(&mesh, "alpha").await, node(&mesh, "beta").await);
    assert_eq!(alpha.wait_for_nodes(1, PATIENCE).await, 1);
    until(&alpha, "alpha has settled", || counter(&alpha, "alpha") == Some(0)).await;
    assert_eq!(at_alpha.add(5).await.unwrap(), 5);
    until(&beta, "beta holds it", || counter(&beta, "alpha") == Some(5)).await;
    at_alpha.stop();
    mesh.kill("alpha");
    until(&beta, "beta has lost alpha", || beta.nodes()[0].state == MemberState::Down).await;

    // It begins again before it reaches anybody: it does not know its number, and says so.
    let hub = hub("alpha");
    let again = start(hub.clone(), NodeOptions::new(|| 0).clustered(true)).await.unwrap();
    let early = again.add(1).await.unwrap_err().to_string();
    assert!(early.contains("does not know its number yet"), "{early}");
    assert_eq!(counter(&hub, "alpha"), None);
    hub.connect(mesh.carrier()).await.unwrap();
    until(&hub, "it has its number again", || counter(&hub, "alpha") == Some(5)).await;
    assert_eq!(again.add(1).await.unwrap(), 6);
    until(&beta, "beta has it too", || counter(&beta, "alpha") == Some(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_asked_is_told_apart_from_who_does_not_answer() {
    let mesh = Mesh::default();
    let ((alpha, at_alpha), beta) = (node(&mesh, "alpha").await, hub("beta"));
    let ask = |of: &str| {
        let of = name(of);
        let at_alpha = at_alpha.clone();
        async move { at_alpha.order(&of, Order::Add(1)).await.unwrap_err().to_string() }
    };
    let words = ask("gamma").await;
    assert!(words.starts_with("gamma was not reached from alpha: "), "{words}");
    // A hub without an actor hears the question, and nobody answers.
    beta.connect(mesh.carrier()).await.unwrap();
    assert_eq!(alpha.wait_for_nodes(1, PATIENCE).await, 1);
    let words = ask("beta").await;
    assert!(words.starts_with("beta did not answer within 2 s"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_made_only_where_they_may_be() {
    let mesh = Mesh::default();
    let (alpha, at_alpha) = node(&mesh, "alpha").await;
    let (beta, faults) = (hub("beta"), Faults::default());
    beta.connect(mesh.carrier()).await.unwrap();
    let options = NodeOptions::new(|| 0).clustered(true).faults(Some(faults.clone()));
    let at_beta = start(beta.clone(), options).await.unwrap();
    assert_eq!(alpha.wait_for_nodes(1, PATIENCE).await, 1);
    let (alpha_name, beta_name) = (name("alpha"), name("beta"));

    let refused = at_beta.order(&alpha_name, Order::Cut(beta_name.clone())).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("TIDINGS_DEMO_TOKEN")));
    at_alpha.order(&beta_name, Order::Delay(alpha_name.clone())).await.unwrap();
    let made = faults.list();
    assert_eq!((made.len(), &made[0].node, made[0].cut, made[0].delay_ms), (1, &alpha_name, false, 300));
    at_alpha.order(&beta_name, Order::Heal(alpha_name)).await.unwrap();
    assert_eq!(faults.list(), []);
    at_alpha.order(&beta_name, Order::Stop).await.unwrap();
    timeout(PATIENCE, at_beta.told_to_stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_cut_between_itself_and_the_asked_is_answered() {
    let mesh = Mesh::default();
    let ((alpha, at_alpha), beta) = (node(&mesh, "alpha").await, hub("beta"));
    let (carrier, faults) = Faults::around(mesh.carrier());
    beta.connect(carrier).await.unwrap();
    let options = NodeOptions::new(|| 0).clustered(true).faults(Some(faults));
    let at_beta = start(beta.clone(), options).await.unwrap();
    assert_eq!(alpha.wait_for_nodes(1, PATIENCE).await, 1);
    assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);

    at_alpha.order(&name("beta"), Order::Cut(name("alpha"))).await.unwrap();
    until(&beta, "the link is cut", || beta.nodes()[0].state == MemberState::Down).await;
    // What is asked through the cut is lost, and whoever asks is told so.
    let lost = at_alpha.order(&name("beta"), Order::Heal(name("alpha"))).await.unwrap_err().to_string();
    assert!(lost.contains("did not answer"), "{lost}");
    at_beta.order(&name("beta"), Order::Heal(name("alpha"))).await.unwrap();
    until(&beta, "it is healed", || beta.nodes()[0].state == MemberState::Up).await;
}

#[tokio::test]
async fn nobody_outside_asks_an_actor() {
    let hub = hub("alpha");
    let who = Principal::anonymous();
    let topics = [super::super::post::ASK.at(hub.node_name()), super::super::post::ASK.at(name("beta"))];
    for topic in topics.iter().map(|topic| topic.name().unwrap()) {
        assert!(!hub.may_write(&who, topic) && !hub.may_read(&who, topic));
    }
    let answer = super::super::post::ANSWER.at(hub.node_name());
    assert!(!hub.may_write(&who, answer.name().unwrap()));
    let sees = SEES.at(hub.node_name());
    assert!(hub.may_read(&who, sees.name().unwrap()) && !hub.may_write(&who, sees.name().unwrap()));
}
