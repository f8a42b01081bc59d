//! How nodes find each other, on hosts with addresses of their own.

use std::path::PathBuf;

use chaos::{net::Net, process::Process, protocol::Told};

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

fn log(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    folder.join(format!("discovery-{name}.log"))
}

fn start(net: &Net, host: usize, name: &str, arguments: &[&str]) -> Process {
    let listen = format!("--listen={}:7447", net.addr(host));
    let arguments: Vec<_> =
        std::iter::once(listen).chain(arguments.iter().map(|&argument| argument.to_owned())).collect();
    Process::start(env!("CARGO_BIN_EXE_chaos").as_ref(), Some(&net.host(host)), name, &arguments, &log(name))
}

/// Waits until a node was told that another one is so, the `times`-th time.
async fn is(node: &mut Process, other: &str, wanted: &str, times: usize) {
    let seen = |all: &[Told]| {
        let is = |told: &&Told| matches!(told, Told::Member { node, state, .. } if node == other && state == wanted);
        all.iter().filter(is).count()
    };
    let mut from = 0;
    while seen(&node.told()) < times {
        let is_news = |told: &Told| matches!(told, Told::Member { .. }).then_some(());
        from = from.max(node.told().len());
        node.until(from, &format!("{other} {wanted}"), is_news).await;
    }
}

/// All nodes see all others.
async fn all_meet(nodes: &mut [Process]) {
    let names: Vec<_> = nodes.iter().map(|node| node.name.clone()).collect();
    for (node, own) in nodes.iter_mut().zip(&names) {
        for other in names.iter().filter(|name| *name != own) {
            is(node, other, "up", 1).await;
        }
    }
}

/// One list for all, the own address among them; a host that is not there yet is called until it is.
#[tokio::test]
async fn by_addresses() {
    let net = Net::new(3);
    let peers = format!("--peers={}", [0, 1, 2].map(|host| format!("{}:7447", net.addr(host))).join(","));
    let mut nodes =
        vec![start(&net, 0, NAMES[0], &[&peers, "--no-gossip"]), start(&net, 1, NAMES[1], &[&peers, "--no-gossip"])];
    all_meet(&mut nodes).await;
    nodes.push(start(&net, 2, NAMES[2], &[&peers, "--no-gossip"]));
    all_meet(&mut nodes).await;
}

/// One address is enough: nodes tell each other whom they know.
#[tokio::test]
async fn by_one_address() {
    let net = Net::new(3);
    let seed = format!("--peers={}:7447", net.addr(0));
    let mut nodes: Vec<_> = (0..3).map(|host| start(&net, host, NAMES[host], &[&seed])).collect();
    all_meet(&mut nodes).await;
    // And they find each other again, although nobody was told that address by an operator.
    net.block(1, 2);
    net.block(2, 1);
    is(&mut nodes[1], NAMES[2], "down", 1).await;
    is(&mut nodes[2], NAMES[1], "down", 1).await;
    net.unblock(1, 2);
    net.unblock(2, 1);
    is(&mut nodes[1], NAMES[2], "up", 2).await;
    is(&mut nodes[2], NAMES[1], "up", 2).await;
}

/// A name that stands for more hosts from one moment to the next.
#[tokio::test]
async fn by_a_name() {
    let net = Net::new(3);
    for host in 0..3 {
        net.name(host, "nodes.test", &[host]);
    }
    let arguments = ["--dns=nodes.test:7447", "--no-gossip"];
    let mut nodes: Vec<_> = (0..3).map(|host| start(&net, host, NAMES[host], &arguments)).collect();
    for node in &mut nodes {
        node.ready().await;
    }
    for host in 0..3 {
        net.name(host, "nodes.test", &[0, 1, 2]);
    }
    all_meet(&mut nodes).await;
}

/// Nobody knows an address: they answer in a multicast group.
#[tokio::test]
async fn by_multicast() {
    let net = Net::new(3);
    let mut nodes: Vec<_> =
        (0..3).map(|host| start(&net, host, NAMES[host], &["--multicast", "--no-gossip"])).collect();
    all_meet(&mut nodes).await;
}

/// A node that dies is seen to, at once; one that leaves says so.
#[tokio::test]
async fn who_goes_is_told() {
    let net = Net::new(3);
    let seed = format!("--peers={}:7447", net.addr(0));
    // A lease that no test would wait for.
    let arguments = [seed.as_str(), "--lease-ms=600000"];
    let mut nodes: Vec<_> = (0..3).map(|host| start(&net, host, NAMES[host], &arguments)).collect();
    all_meet(&mut nodes).await;
    nodes[1].kill().await;
    is(&mut nodes[0], NAMES[1], "down", 1).await;
    is(&mut nodes[2], NAMES[1], "down", 1).await;
    nodes[2].leave().await;
    is(&mut nodes[0], NAMES[2], "left", 1).await;
}

/// A name belongs to who has it and answers. A process that has died does not.
#[tokio::test]
async fn a_name_is_taken_once() {
    let net = Net::new(3);
    let seed = format!("--peers={}:7447", net.addr(0));
    let mut first = start(&net, 0, "alpha", &[]);
    first.ready().await;
    let mut second = start(&net, 1, "alpha", &[&seed]);
    assert!(!second.ended().await, "the name is taken");
    first.kill().await;
    let mut third = start(&net, 1, "alpha", &[&seed]);
    third.ready().await;
}

/// Two of one name that could not see each other: at the heal the younger goes, and says so.
#[tokio::test]
async fn of_two_that_meet_at_a_heal_one_goes() {
    let net = Net::new(3);
    let peers = format!("--peers={}", [0, 1].map(|host| format!("{}:7447", net.addr(host))).join(","));
    net.cable(1, false);
    let mut older = start(&net, 0, "alpha", &[&peers]);
    older.ready().await;
    let mut younger = start(&net, 1, "alpha", &[&peers]);
    younger.ready().await;
    net.cable(1, true);
    let taken = |told: &Told| matches!(told, Told::Taken).then_some(());
    younger.until(0, "its name is taken", taken).await;
    assert!(!older.told().iter().any(|told| matches!(told, Told::Taken)));
}
