//! A server process that tells its state to all nodes of a cluster, and prints the state of all once a second.
//!
//! `state_server NAME PORT [PORT OF ANOTHER]...`: without other ports, nodes find each other by multicast.
#![expect(clippy::print_stdout, reason = "it is what this example does")]

use std::{collections::BTreeMap, error::Error, net::Ipv4Addr, time::Duration};

use serde::{Deserialize, Serialize};
use tidings::{
    Hub, MemberState,
    wire::{NodeName, State, topics},
};
use tidings_zenoh::{Discovery, Zenoh, ZenohOptions};

/// What a server tells of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Work {
    /// The process that does the work now.
    pid: u32,
    /// What has been done, over all its lives.
    done: u64,
}

topics! {
    /// The state of one server: it alone writes it, and all nodes hold it.
    WORK(node: NodeName): State<Work> = "server/{node}/work";
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (name, port) = arguments.next().zip(arguments.next()).ok_or("usage: NAME PORT [PORT OF ANOTHER]...")?;
    let others: Vec<_> = arguments.map(|port| format!("127.0.0.1:{port}")).collect();

    let hub = Hub::solo(&name)?;
    hub.serve(WORK);
    let discovery = if others.is_empty() {
        Discovery::multicast()
    } else {
        Discovery::addresses(others.iter().map(String::as_str))?
    };
    let options = ZenohOptions::default().listen((Ipv4Addr::LOCALHOST, port.parse()?).into()).discover(discovery);
    hub.connect(Zenoh::new(options)).await?;

    // The others hold what this server had done before it ended: it goes on from there.
    hub.wait_for_nodes(1, Duration::from_secs(3)).await;
    let topic = WORK.at(hub.node_name());
    let mut work = Work { pid: std::process::id(), ..hub.value(&topic).unwrap_or_default() };
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            told = tokio::signal::ctrl_c() => {
                hub.leave().await;
                return Ok(told?);
            }
        }
        work.done += 1;
        hub.publish(&topic, &work)?;
        println!("{name} | {}", states(&hub).join(" | "));
    }
}

/// Each server's state, and how the node that does the work fares.
fn states(hub: &Hub) -> Vec<String> {
    let fares: BTreeMap<_, _> = hub.nodes().into_iter().map(|member| (member.node.clone(), member)).collect();
    let topics = WORK.family().pattern().map(|pattern| hub.topics_of(pattern)).unwrap_or_default();
    let nodes = topics.iter().filter_map(|info| WORK.params(&info.topic));
    let of = |(node,): (NodeName,)| {
        let Work { pid, done } = hub.value(&WORK.at(&node))?;
        let fare = match fares.get(&node) {
            Some(member) if member.state != MemberState::Up => {
                format!(", gone: {}", member.reason.as_deref().unwrap_or("it stopped"))
            }
            _ => String::new(),
        };
        Some(format!("{node}: {done} done by {pid}{fare}"))
    };
    nodes.filter_map(of).collect()
}
