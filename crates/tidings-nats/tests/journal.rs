//! All nodes and the server stop and start again: what was published is there, or is told as lost.

mod support;

use std::{net::SocketAddr, time::Duration};

use support::{Folder, Server};
use tidings::{
    Hub, Journal as _, JournalInfo, Published, Record, Shelf, Start, Subscription,
    conformance::{Cable, HISTORY, PATIENCE, SHORT, VALUE, free_addr, told},
    wire::{OriginTag, TopicName, event::GapCause},
};
use tidings_nats::{JetStream, JournalOptions, Nats, NatsOptions};
use tokio::time::timeout;

/// A server that keeps what it is given, and takes records of the largest message.
struct Kept {
    folder: Folder,
    addr: SocketAddr,
    server: Option<Server>,
}

impl Kept {
    fn start() -> Self {
        let folder = Folder::new();
        let store = folder.0.join("store");
        let config = format!("max_payload: 2MB\njetstream {{ store_dir: \"{}\" }}\n", store.display());
        std::fs::write(folder.0.join("server.conf"), config).unwrap();
        let mut kept = Self { folder, addr: free_addr(), server: None };
        kept.again();
        kept
    }

    /// Ends the server without a word, and begins it on what its disk holds.
    fn again(&mut self) {
        self.server = None;
        let config = self.folder.0.join("server.conf");
        self.server = Some(Server::start(self.addr, &["--config", config.to_str().unwrap()]));
    }

    fn options(&self) -> NatsOptions {
        let journal = JournalOptions::default().history_max(50).bytes_max(64 << 20, 64 << 20);
        NatsOptions::default().servers([self.addr.to_string()]).journal(Some(journal))
    }

    async fn node(&self, name: &str) -> Hub {
        node(name, self.options()).await
    }
}

async fn node(name: &str, options: NatsOptions) -> Hub {
    let hub = Hub::solo(name).unwrap();
    hub.serve(HISTORY);
    hub.serve(SHORT);
    hub.serve(VALUE);
    hub.connect(Nats::new(options)).await.unwrap();
    hub
}

async fn becomes(hub: &Hub, what: &str, is: impl Fn(&JournalInfo) -> bool) {
    let waits = async {
        while !hub.journal().is_some_and(|info| is(&info)) {
            hub.changed().await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what} did not come: {:?}", hub.journal()));
}

async fn journaled(hub: &Hub, published: &Published) {
    assert!(hub.journaled_within(published, PATIENCE).await, "{:?}", hub.journal());
}

fn after(hub: &Hub, topic: &str, cursor: &str) -> Subscription {
    hub.subscribe_from(topic, Start::After(cursor.into())).unwrap()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<Result<u64, GapCause>> {
    range.map(Ok).collect()
}

/// State, history and cursors of before still resume.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_and_the_server_stop_and_start_again() {
    let mut kept = Kept::start();
    let topic = HISTORY.at("a.b");
    let (cursors, at_the_end) = {
        let (alpha, beta) = (kept.node("alpha").await, kept.node("beta").await);
        assert_eq!(beta.wait_for_nodes(1, PATIENCE).await, 1);
        let mut cursors = Vec::new();
        for number in 1..=20 {
            let (one, other) = if number % 2 == 0 { (&alpha, &beta) } else { (&beta, &alpha) };
            let published = one.publish(&topic, &number).unwrap();
            one.broadcast("conformance/signal", tidings::Payload::of(&number).unwrap()).unwrap();
            one.replicated_within(&published, 1, PATIENCE).await.unwrap();
            journaled(one, &published).await;
            cursors.push(other.cursor());
        }
        for number in 1..=3 {
            alpha.publish(&VALUE.at("a"), &number).unwrap();
        }
        let gone = alpha.publish(&VALUE.at("gone"), &1).unwrap();
        alpha.replicated_within(&gone, 1, PATIENCE).await.unwrap();
        beta.clear(VALUE.at("gone").as_str()).unwrap();
        alpha.leave().await;
        let last = beta.cursor();
        beta.leave().await;
        (cursors, last)
    };
    // Twice, for what is read once must not be written worse.
    for round in 0..2 {
        kept.again();
        let gamma = kept.node("gamma").await;
        assert_eq!(gamma.value(&VALUE.at("a")), Some(3));
        assert_eq!(gamma.value(&VALUE.at("gone")), None, "a deleted value stays deleted");
        let mut all = gamma.subscribe_from(topic.as_str(), Start::RETAINED).unwrap();
        assert_eq!(told(&mut all, 20 + round).await, numbers(1..=20 + round));
        for (nth, cursor) in cursors.iter().enumerate().take(19) {
            let mut subscription = after(&gamma, topic.as_str(), cursor);
            let expected = numbers(nth as u64 + 2..=20 + round);
            assert_eq!(told(&mut subscription, 20 + round).await, expected, "after {}", nth + 1);
        }
        let mut subscription = after(&gamma, topic.as_str(), &at_the_end);
        gamma.publish(&topic, &(21 + round)).unwrap();
        assert_eq!(told(&mut subscription, 21 + round).await, numbers(21..=21 + round));
        gamma.leave().await;
    }
}

/// Nodes that are killed under load: a reader that comes back is told everything once, or a gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_in_a_crash_under_load_is_told() {
    let mut kept = Kept::start();
    let topic = HISTORY.at("load");
    for round in 0..5_u64 {
        let cable = Cable::to(kept.addr).await;
        let journal = Some(JournalOptions::default().bytes_max(64 << 20, 64 << 20));
        let options = kept.options().servers([cable.addr().to_string()]).journal(journal);
        let alpha = node("alpha", options).await;
        let first = alpha.publish(&topic, &(1_000 * round + 1)).unwrap();
        journaled(&alpha, &first).await;
        let mut seen = Vec::new();
        for number in 2..=40 + round * 7 {
            alpha.publish(&topic, &(1_000 * round + number)).unwrap();
            alpha.publish(&VALUE.at("load"), &(1_000 * round + number)).unwrap();
            seen.push((number, alpha.cursor()));
            if number % 10 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let last = 40 + round * 7;
        // The server hears no more of it, as if it had been killed, and is killed itself.
        cable.end().await;
        drop(alpha);
        kept.again();
        let again = kept.node("beta").await;
        let end = 1_000 * round + 999;
        again.publish(&topic, &end).unwrap();
        for (number, cursor) in seen {
            let mut subscription = after(&again, topic.as_str(), &cursor);
            let told = told(&mut subscription, end).await;
            let has_gap = told.iter().any(Result::is_err);
            let came: Vec<_> = told.into_iter().filter_map(Result::ok).collect();
            let owed: Vec<_> = (number + 1..=last).map(|number| 1_000 * round + number).chain([end]).collect();
            assert!(has_gap || came == owed, "after {number} of round {round}: {came:?}");
        }
        again.leave().await;
    }
}

/// What the history of a topic has let go of is told, and what it holds is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_full_history_let_go_of_is_a_gap() {
    let mut kept = Kept::start();
    let (full, other) = (HISTORY.at("full"), HISTORY.at("other"));
    let alpha = kept.node("alpha").await;
    let first = alpha.cursor();
    for number in 1..=60 {
        let published = alpha.publish(&full, &number).unwrap();
        journaled(&alpha, &published).await;
    }
    let late = alpha.cursor();
    alpha.publish(&other, &1).unwrap();
    alpha.leave().await;
    kept.again();
    // It may hold more by now: what went before stays gone.
    let context = async_nats::jetstream::new(async_nats::connect(kept.addr.to_string()).await.unwrap());
    let mut stream = context.get_stream("TIDINGS_tidings_HISTORY").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_messages_per_subject = 1_000;
    context.update_stream(config).await.unwrap();
    let beta = kept.node("beta").await;
    let all = told(&mut after(&beta, full.as_str(), &first), 60).await;
    assert!(all[0].is_err() && all[1..] == numbers(11..=60), "{all:?}");
    assert_eq!(told(&mut after(&beta, other.as_str(), &first), 1).await, numbers(1..=1));
    let mut subscription = after(&beta, full.as_str(), &late);
    beta.publish(&full, &61).unwrap();
    assert_eq!(told(&mut subscription, 61).await, numbers(61..=61));
}

/// A full journal keeps what it has; publishing goes on, and the hub says so. With room again, what waits is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_journal_slows_nobody() {
    let kept = Kept::start();
    let journal = JournalOptions::default().history_max(1_000).bytes_max(64 << 10, 64 << 10);
    let alpha = node("alpha", kept.options().journal(Some(journal))).await;
    let first = alpha.publish(&HISTORY.at("first"), &1).unwrap();
    journaled(&alpha, &first).await;
    for number in 1..=2_000 {
        alpha.publish(&HISTORY.at("full"), &number).unwrap();
    }
    becomes(&alpha, "that it is full", |info| info.trouble.is_some()).await;
    let info = alpha.journal().unwrap();
    assert!(info.trouble.unwrap().contains("full") && info.failures > 0 && info.behind > 0);
    let context = async_nats::jetstream::new(async_nats::connect(kept.addr.to_string()).await.unwrap());
    let mut stream = context.get_stream("TIDINGS_tidings_HISTORY").await.unwrap();
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_bytes += 64 << 20;
    context.update_stream(config).await.unwrap();
    becomes(&alpha, "that all is written", |info| info.behind == 0).await;
    let cursor = alpha.cursor();
    alpha.leave().await;
    let beta = kept.node("beta").await;
    let mut all = beta.subscribe_from(HISTORY.at("first").as_str(), Start::RETAINED).unwrap();
    assert_eq!(told(&mut all, 1).await, numbers(1..=1), "what was there first is there still");
    let mut subscription = after(&beta, HISTORY.at("full").as_str(), &cursor);
    beta.publish(&HISTORY.at("full"), &2_001).unwrap();
    assert_eq!(told(&mut subscription, 2_001).await, numbers(2_001..=2_001));
}

/// Somebody deletes the streams: everything that is still here is written again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_were_deleted_are_written_again() {
    let kept = Kept::start();
    let alpha = kept.node("alpha").await;
    let topic = HISTORY.at("deleted");
    let first = alpha.cursor();
    let one = alpha.publish(&topic, &1).unwrap();
    alpha.publish(&VALUE.at("deleted"), &1).unwrap();
    journaled(&alpha, &one).await;
    let context = async_nats::jetstream::new(async_nats::connect(kept.addr.to_string()).await.unwrap());
    for stream in ["HISTORY", "VALUES"] {
        context.delete_stream(format!("TIDINGS_tidings_{stream}")).await.unwrap();
    }
    let two = alpha.publish(&topic, &2).unwrap();
    becomes(&alpha, "that they are gone", |info| info.failures > 0).await;
    becomes(&alpha, "that all is written", |info| info.behind == 0).await;
    journaled(&alpha, &two).await;
    alpha.leave().await;
    let beta = kept.node("beta").await;
    assert_eq!(beta.value(&VALUE.at("deleted")), Some(1));
    assert_eq!(told(&mut after(&beta, topic.as_str(), &first), 2).await, numbers(1..=2));
}

/// The histories alone are deleted while no node runs: their marks are not believed, and readers are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_that_were_deleted_meanwhile_are_a_gap() {
    let kept = Kept::start();
    let alpha = kept.node("alpha").await;
    let topic = HISTORY.at("deleted");
    let first = alpha.cursor();
    alpha.publish(&topic, &1).unwrap();
    alpha.publish(&VALUE.at("deleted"), &1).unwrap();
    alpha.leave().await;
    let context = async_nats::jetstream::new(async_nats::connect(kept.addr.to_string()).await.unwrap());
    context.delete_stream("TIDINGS_tidings_HISTORY").await.unwrap();
    let beta = kept.node("beta").await;
    assert_eq!(beta.value(&VALUE.at("deleted")), Some(1));
    let mut subscription = after(&beta, topic.as_str(), &first);
    beta.publish(&topic, &2).unwrap();
    let all = told(&mut subscription, 2).await;
    assert!(matches!(all[..], [Err(_), Ok(2)]), "{all:?}");
}

/// Clusters of two names on one server do not read each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clusters_keep_apart() {
    let kept = Kept::start();
    let one = node("alpha", kept.options().cluster("one")).await;
    let other = node("alpha", kept.options().cluster("one-more")).await;
    let written = one.publish(&VALUE.at("a"), &1).unwrap();
    let elsewhere = other.publish(&VALUE.at("a"), &2).unwrap();
    journaled(&one, &written).await;
    journaled(&other, &elsewhere).await;
    one.leave().await;
    other.leave().await;
    assert_eq!(node("alpha", kept.options().cluster("one")).await.value(&VALUE.at("a")), Some(1));
    assert_eq!(node("alpha", kept.options().cluster("one-more")).await.value(&VALUE.at("a")), Some(2));
}

/// Three servers keep three copies; one is lost for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_three_servers_is_lost() {
    let folder = Folder::new();
    let config = folder.0.join("server.conf");
    std::fs::write(&config, "max_payload: 2MB\n").unwrap();
    let mut servers = Server::three_with(|nth| {
        let store = folder.0.join(nth.to_string());
        vec![
            "--config".to_owned(),
            config.display().to_string(),
            "--server_name".to_owned(),
            format!("server-{nth}"),
            "--jetstream".to_owned(),
            "--store_dir".to_owned(),
            store.display().to_string(),
        ]
    });
    let urls: Vec<_> = servers.iter().map(Server::url).collect();
    support::jetstream_is_ready(&urls[0]).await;
    let journal = JournalOptions::default().bytes_max(16 << 20, 16 << 20).replicas(3);
    let options =
        || NatsOptions::default().servers(urls.clone()).lease(Duration::from_secs(60)).journal(Some(journal.clone()));
    let alpha = node("alpha", options()).await;
    let topic = HISTORY.at("three");
    for number in 1..=20 {
        let published = alpha.publish(&topic, &number).unwrap();
        journaled(&alpha, &published).await;
        if number == 10 {
            servers[0].kill();
        }
    }
    let cursor = alpha.cursor();
    alpha.leave().await;
    let beta = node("beta", options()).await;
    let mut all = beta.subscribe_from(topic.as_str(), Start::RETAINED).unwrap();
    assert_eq!(told(&mut all, 20).await, numbers(1..=20));
    let mut subscription = after(&beta, topic.as_str(), &cursor);
    beta.publish(&topic, &21).unwrap();
    assert_eq!(told(&mut subscription, 21).await, numbers(21..=21));
}

/// A node begins while another one writes values without a pause, and has what was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_begins_while_others_write() {
    let kept = Kept::start();
    let alpha = kept.node("alpha").await;
    let before = alpha.publish(&VALUE.at("before"), &1).unwrap();
    journaled(&alpha, &before).await;
    let writes = async {
        let mut each = tokio::time::interval(Duration::from_millis(1));
        for key in (0..20).cycle() {
            each.tick().await;
            alpha.publish(&VALUE.at(format!("key-{key}")), &1).unwrap();
        }
    };
    let begins = async {
        for _ in 0..5 {
            let beta = kept.node("beta").await;
            assert_eq!(beta.value(&VALUE.at("before")), Some(1), "it is there as soon as the node has begun");
            beta.leave().await;
        }
    };
    tokio::select! {
        () = writes => {}
        begun = timeout(PATIENCE, begins) => begun.expect("it reads up to what was there, and not on and on"),
    }
}

/// Without JetStream, or with a server that takes less than a record, a node does not begin, and says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_keeps_nothing_is_refused() {
    let server = Server::alone();
    let options = |bytes: usize| {
        let hub = Hub::builder("alpha").unwrap().limits(|limits| limits.payload_bytes_max = bytes).build();
        (hub, NatsOptions::default().servers([server.url()]).journal(Some(JournalOptions::default())))
    };
    let (hub, small) = options(1_000);
    let refused = hub.connect(Nats::new(small)).await.unwrap_err().to_string();
    assert!(refused.contains("is JetStream enabled"), "{refused}");
    let (hub, large) = options(1024 * 1024);
    let refused = hub.connect(Nats::new(large)).await.unwrap_err().to_string();
    assert!(refused.contains("`payload_bytes_max`"), "{refused}");
}

/// The server lets go of a value that it is told to forget, and of no other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_forgotten_alone() {
    let kept = Kept::start();
    let journal = JetStream::new(kept.options(), JournalOptions::default());
    let topic = |name: &str| name.parse::<TopicName>().unwrap();
    let [one, other] = [1, 2].map(OriginTag::from_low_bits);
    let value = |origin, name: &str| Record {
        shelf: Shelf::Value { origin, writer: other, topic: topic(name) },
        bytes: format!("{origin} {name}").into(),
    };
    assert_eq!(journal.read().await.unwrap().unwrap().records.len(), 0);
    journal.append(vec![value(one, "a"), value(one, "a/b"), value(other, "a"), value(one, "a.b")]).await.unwrap();
    journal.forget(vec![(one, topic("a")), (one, topic("a.b"))]).await.unwrap();
    let records = journal.read().await.unwrap().unwrap().records;
    let left: Vec<_> = records.iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect();
    assert_eq!(left, ["000000000001 a/b", "000000000002 a"]);
    assert!(journal.read().await.unwrap().is_none(), "nothing was written since");
}
