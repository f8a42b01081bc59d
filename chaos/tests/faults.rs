//! Each fault once, and ten rounds of any: every reader's record is complete, or shows its gap.

use std::path::PathBuf;

use chaos::cluster::{Cluster, Fault};

/// A cluster under load suffers these, one after the other; after each, all records are checked.
async fn survives(name: &str, faults: impl IntoIterator<Item = Fault>) {
    let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut cluster = Cluster::start(env!("CARGO_BIN_EXE_chaos").as_ref(), &logs, 1).await;
    for fault in faults {
        cluster.suffer(fault).await;
        let round = cluster.check().await;
        assert!(round.heard > 0);
        assert!(round.faults.is_empty(), "{fault:?}: {:#?}", round.faults);
    }
}

#[tokio::test]
async fn a_node_is_killed_and_starts_again() {
    survives("kill", [Fault::Kill(0), Fault::Kill(1)]).await;
}

#[tokio::test]
async fn a_node_is_frozen_past_its_lease() {
    survives("freeze", [Fault::Freeze(2)]).await;
}

#[tokio::test]
async fn a_host_is_unplugged() {
    survives("unplug", [Fault::Unplug(1)]).await;
}

#[tokio::test]
async fn links_fail_one_way_and_both() {
    survives("links", [Fault::OneWay(0, 1), Fault::OneWay(1, 0), Fault::Part(1, 2)]).await;
}

#[tokio::test]
async fn nodes_come_and_go() {
    survives("rolling", [Fault::Visitor, Fault::Rolling, Fault::Visitor]).await;
}

#[tokio::test]
async fn a_clock_is_wrong_by_an_hour() {
    survives("clock", [Fault::Clock(0, 3_600_000), Fault::Clock(1, -3_600_000)]).await;
}

#[tokio::test]
async fn ten_rounds_of_anything() {
    let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mixed");
    let seed = fastrand::u64(..);
    let mut cluster = Cluster::start(env!("CARGO_BIN_EXE_chaos").as_ref(), &logs, seed).await;
    for number in 1..=10 {
        let fault = cluster.any_fault();
        cluster.suffer(fault).await;
        let round = cluster.check().await;
        assert!(round.faults.is_empty(), "round {number} ({fault:?}) of seed {seed}: {:#?}", round.faults);
    }
}
