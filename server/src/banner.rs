//! What is said at the start.

use std::net::SocketAddr;

use tidings::{Hub, MemberState, Principal};

use crate::engine::Engine;

/// Prints address, node, engine, and what is open to whom.
#[expect(clippy::print_stdout, reason = "for whoever started the server by hand; logs go to standard error")]
pub(crate) fn print(hub: &Hub, engine: Engine, url: &str, addr: SocketAddr) {
    let anonymous = Principal::anonymous();
    let (mut readable, mut writable, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for family in hub.families() {
        let name = family.pattern.to_string();
        // Families without parameters can be asked about; of the others the pattern stands for each of its topics.
        let example = tidings::wire::TopicName::new(&name.replace('*', "any"));
        let may = |rule: &dyn Fn(&tidings::wire::TopicName) -> bool| example.as_ref().is_ok_and(rule);
        if may(&|topic| hub.may_write(&anonymous, topic)) {
            writable.push(name);
        } else if may(&|topic| hub.may_read(&anonymous, topic)) {
            readable.push(name);
        } else {
            closed.push(name);
        }
    }
    println!("Tidings {} is live on {url}", env!("CARGO_PKG_VERSION"));
    println!("  listens on {addr}");
    println!("  node    {} (epoch {})", hub.node_name(), hub.epoch());
    match engine {
        Engine::Solo => println!("  engine  solo: this node alone, nothing is kept over a restart"),
        Engine::Zenoh | Engine::Nats => println!("  engine  {}: {}", engine.as_str(), cluster(hub)),
    }
    for (what, names) in [("anyone reads and writes", writable), ("anyone reads", readable), ("closed", closed)] {
        if !names.is_empty() {
            println!("  {what}: {}", names.join(", "));
        }
    }
}

/// Whom this node has found so far.
fn cluster(hub: &Hub) -> String {
    let members = hub.nodes();
    let up: Vec<_> = members.iter().filter(|member| member.state == MemberState::Up).collect();
    let names: Vec<_> = up.iter().map(|member| member.node.as_str()).collect();
    if names.is_empty() { "no other node yet".to_owned() } else { format!("with {}", names.join(", ")) }
}
