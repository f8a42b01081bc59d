//! Each fault once, and ten rounds of any, over each engine: every reader's record is complete, or shows its gap.

use std::path::PathBuf;

use chaos::{
    cluster::{Cluster, Engine, FIRST_SERVER},
    fault::Fault,
};

const ZENOH: Engine = Engine::Zenoh;
const NATS: Engine = Engine::Nats { servers: 1 };
const THREE_SERVERS: Engine = Engine::Nats { servers: 3 };

const HOUR_MS: i64 = 3_600_000;

async fn cluster(name: &str, engine: Engine, seed: u64) -> Cluster {
    let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    Cluster::start(env!("CARGO_BIN_EXE_chaos").as_ref(), &logs, seed, engine).await
}

/// A cluster under load suffers these, one after the other; after each, all records are checked.
async fn survives(name: &str, engine: Engine, faults: impl IntoIterator<Item = Fault>) {
    let mut cluster = cluster(name, engine, 1).await;
    for fault in faults {
        cluster.suffer(fault).await;
        let round = cluster.check().await;
        assert!(round.heard > 0);
        assert!(round.faults.is_empty(), "{fault:?}: {:#?}", round.faults);
    }
}

/// Ten faults of any kind.
async fn survives_any(name: &str, engine: Engine) {
    let seed = fastrand::u64(..);
    let mut cluster = cluster(name, engine, seed).await;
    for number in 1..=10 {
        let fault = cluster.any_fault();
        cluster.suffer(fault).await;
        let round = cluster.check().await;
        assert!(round.faults.is_empty(), "round {number} ({fault:?}) of seed {seed}: {:#?}", round.faults);
    }
}

/// Messages a second of a node are 200: so many take longer than its lease of 1.5 s.
const MESSAGES: usize = 400;

/// One of three is stopped in its tracks: messages between the other two keep coming, also past its lease. What they take
/// is printed, and not judged: it is this machine's.
#[expect(clippy::print_stdout, reason = "figures for people")]
async fn a_stopped_peer_stops_nobody(name: &str, engine: Engine) {
    let mut cluster = cluster(name, engine, 1).await;
    for latency in cluster.talk([0, 1], MESSAGES).await {
        println!("{engine:?}, all run: {latency}");
    }
    cluster.freeze(2);
    for latency in cluster.talk([0, 1], MESSAGES).await {
        println!("{engine:?}, one is stopped: {latency}");
    }
    for at in [0, 1] {
        cluster.is_told_down(at, 2).await;
    }
    cluster.thaw(2);
    let round = cluster.check().await;
    assert!(round.faults.is_empty(), "{:#?}", round.faults);
}

#[tokio::test]
async fn a_node_is_killed_and_starts_again() {
    survives("kill", ZENOH, [Fault::Kill(0), Fault::Kill(1)]).await;
}

#[tokio::test]
async fn a_node_is_frozen_past_its_lease() {
    a_stopped_peer_stops_nobody("freeze", ZENOH).await;
}

#[tokio::test]
async fn a_host_is_unplugged() {
    survives("unplug", ZENOH, [Fault::Unplug(1)]).await;
}

#[tokio::test]
async fn links_fail_one_way_and_both() {
    survives("links", ZENOH, [Fault::OneWay(0, 1), Fault::OneWay(1, 0), Fault::Part(1, 2)]).await;
}

#[tokio::test]
async fn nodes_come_and_go() {
    survives("rolling", ZENOH, [Fault::Visitor, Fault::Rolling, Fault::Visitor]).await;
}

#[tokio::test]
async fn a_clock_is_wrong_by_an_hour() {
    survives("clock", ZENOH, [Fault::Clock(0, HOUR_MS), Fault::Clock(1, -HOUR_MS)]).await;
}

#[tokio::test]
async fn ten_rounds_of_anything() {
    survives_any("mixed", ZENOH).await;
}

#[tokio::test]
async fn over_nats_a_node_is_killed_and_starts_again() {
    survives("nats-kill", NATS, [Fault::Kill(0), Fault::Kill(1)]).await;
}

#[tokio::test]
async fn over_nats_a_node_is_frozen_past_its_lease() {
    a_stopped_peer_stops_nobody("nats-freeze", NATS).await;
}

#[tokio::test]
async fn over_nats_hosts_are_unplugged() {
    survives("nats-unplug", NATS, [Fault::Unplug(1), Fault::Unplug(FIRST_SERVER)]).await;
}

#[tokio::test]
async fn over_nats_links_fail_one_way_and_both() {
    let (node, server) = (1, FIRST_SERVER);
    let faults = [Fault::OneWay(node, server), Fault::OneWay(server, node), Fault::Part(node, server)];
    survives("nats-links", NATS, faults).await;
}

#[tokio::test]
async fn over_nats_nodes_come_and_go() {
    survives("nats-rolling", NATS, [Fault::Visitor, Fault::Rolling]).await;
}

#[tokio::test]
async fn over_nats_a_clock_is_wrong_by_an_hour() {
    survives("nats-clock", NATS, [Fault::Clock(0, HOUR_MS), Fault::Clock(1, -HOUR_MS)]).await;
}

#[tokio::test]
async fn the_nats_server_is_killed_and_frozen() {
    survives("nats-server", NATS, [Fault::Server(0), Fault::FreezeServer(0), Fault::Everything]).await;
}

#[tokio::test]
async fn of_three_nats_servers_one_fails_and_then_all() {
    let apart = Fault::Part(FIRST_SERVER, FIRST_SERVER + 1);
    survives("nats-three", THREE_SERVERS, [Fault::Server(1), apart, Fault::Everything]).await;
}

#[tokio::test]
async fn ten_rounds_of_anything_over_nats() {
    survives_any("nats-mixed", NATS).await;
}
