//! The suite that every engine has to pass, feature `conformance`.
//!
//! An engine's crate says how a node of it begins and ends and how a link is cut, and gets one test a case:
//!
//! ```
//! use tidings::{BoxFuture, Hub, conformance::TestEngine, testing::Mesh};
//!
//! #[derive(Default)]
//! struct OnMesh(Mesh);
//!
//! impl TestEngine for OnMesh {
//!     fn connect<'a>(&'a self, node: &'a Hub) -> BoxFuture<'a, ()> {
//!         Box::pin(async { node.connect(self.0.carrier()).await.expect("a name of its own") })
//!     }
//!     fn kill(&self, node: Hub) -> BoxFuture<'_, ()> {
//!         Box::pin(async move { self.0.kill(node.node_name().as_str()) })
//!     }
//!     fn cut(&self, a: &str, b: &str) { self.0.cut(a, b) }
//!     fn heal(&self) { self.0.heal() }
//! }
//!
//! tidings::conformance!(OnMesh::default());
//! ```
//!
//! The cases are Phoenix.PubSub's and Phoenix.Tracker's, and ours: order, gap, resume, retained state, convergence, membership,
//! bounds. They wait for what must come, at most [`PATIENCE`], and never for a time to pass.

mod cluster;
mod local;
mod network;
mod presence;

use std::{future::Future, time::Duration};

use crate::{
    BoxFuture, Delivery, Entry, Hub, Payload, Subscription,
    wire::{event::GapCause, topics},
};
pub use cluster::*;
pub use local::*;
pub use network::{Cable, free_addr};
pub use presence::*;

/// For how long a case waits for what must come: generous, for a busy machine is no fault.
pub const PATIENCE: Duration = Duration::from_secs(30);

topics! {
    /// A value.
    pub VALUE(name: String): crate::wire::State<u64> = "conformance/value/{name}";
    /// A history longer than any case.
    pub HISTORY(name: String): crate::wire::Events<u64> = "conformance/history/{name}" keep 1_000_000, "1d";
    /// A history of four.
    pub SHORT(name: String): crate::wire::Events<u64> = "conformance/short/{name}" keep 4, "1d";
}

/// An engine under test: all nodes that it starts are of one cluster.
pub trait TestEngine: Send + Sync {
    /// Connects a node.
    fn connect<'a>(&'a self, node: &'a Hub) -> BoxFuture<'a, ()>;
    /// Ends a node as a crash does: without a word to the others.
    fn kill(&self, node: Hub) -> BoxFuture<'_, ()>;
    /// Cuts the link between two nodes, both ways.
    fn cut(&self, a: &str, b: &str);
    /// Heals all links.
    fn heal(&self);
}

/// Defines a test for each case of the suite: `conformance!(engine)`, where the expression makes a
/// [`TestEngine`](crate::conformance::TestEngine) of a cluster of its own each time. `conformance!(alone: hub)` defines
/// those for a node alone.
#[macro_export]
macro_rules! conformance {
    (alone: $hub:expr) => {
        $crate::conformance!(@cases $hub;
            subscribe_and_unsubscribe each_subscriber_receives_the_publisher_too other_topics_do_not
            from_skips_the_sender unsubscribe_unknown_does_nothing local_stays_local direct_to_itself_and_to_nobody
            messages_keep_their_order who_is_slow_is_told what_was_missed_is_resumed a_value_is_there_for_who_comes_later
        );
    };
    ($engine:expr) => {
        $crate::conformance!(@cases &$engine;
            every_node_receives from_skips_the_sender_everywhere local_stays_on_its_node direct_goes_to_one_node
            every_node_keeps_the_order a_late_node_has_what_is_kept resume_goes_on_at_another_node
            a_signal_is_heard_once_it_is_ready a_signal_of_its_own_node_is_heard_at_once signals_go_where_they_are_heard
            values_converge_after_a_partition deletions_converge_after_a_partition
            what_a_partition_held_back_comes what_nobody_got_is_a_gap a_death_is_told_once who_leaves_is_no_crash
            confirmed_by_those_that_have_it a_stopped_peer_slows_nobody a_restart_is_another_start
            who_is_present_is_seen_everywhere an_update_is_one_diff the_same_is_tracked_once
            a_late_node_lists_who_is_present who_was_on_a_dead_node_leaves_once a_page_that_moves_never_left
            lists_are_equal_after_a_partition another_start_brings_no_old_entries
            a_node_that_leaves_hands_its_pages_over a_storm_is_few_diffs
        );
    };
    (@cases $what:expr; $($case:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::conformance::$case($what).await;
        }
    )+};
}

/// What must come, or a panic that says what did not.
pub(crate) async fn must<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come within {PATIENCE:?}"),
    }
}

/// The number in a message.
pub(crate) fn number(entry: &Entry) -> u64 {
    let payload = entry.payload.as_ref().expect("a message and not a deletion");
    payload.decode().expect("a number")
}

pub(crate) fn payload(number: u64) -> Payload {
    Payload::of(&number).expect("a number has a JSON form")
}

/// The next delivery is a message with this number.
pub(crate) async fn expect(subscription: &mut Subscription, wanted: u64) {
    match must(&format!("message {wanted}"), subscription.next()).await {
        Delivery::Message(entry) => assert_eq!(number(&entry), wanted),
        other => panic!("message {wanted} was expected, and not {other:?}"),
    }
}

/// Messages come until this one does; says which came before it. Gaps in between are let pass.
pub(crate) async fn until(subscription: &mut Subscription, last: u64) -> (Vec<u64>, usize) {
    let (mut numbers, mut gaps) = (Vec::new(), 0);
    loop {
        match must(&format!("message {last}"), subscription.next()).await {
            Delivery::Message(entry) if number(&entry) == last => return (numbers, gaps),
            Delivery::Message(entry) => numbers.push(number(&entry)),
            _ => gaps += 1,
        }
    }
}

/// What a subscription is told until a message with this number: numbers, or causes of gaps. The message is the last of
/// them.
///
/// # Panics
/// When it does not come within [`PATIENCE`], or a message is no number.
pub async fn told(subscription: &mut Subscription, last: u64) -> Vec<Result<u64, GapCause>> {
    let mut told = Vec::new();
    loop {
        match tokio::time::timeout(PATIENCE, subscription.next()).await {
            Ok(Delivery::Message(entry)) => told.push(Ok(number(&entry))),
            Ok(Delivery::Gap { cause, .. }) => told.push(Err(cause)),
            Ok(_) => {}
            Err(_) => panic!("message {last} did not come within {PATIENCE:?}, after {told:?}"),
        }
        if told.last() == Some(&Ok(last)) {
            return told;
        }
    }
}

/// A subscription that hears whatever any node publishes from here on.
pub(crate) async fn ready(hub: &Hub, topic: &str) -> Subscription {
    let mut subscription = hub.subscribe(topic).expect("inside all limits");
    must("a subscription", subscription.ready()).await;
    subscription
}
