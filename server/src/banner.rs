//! What is said at the start.

use std::net::SocketAddr;

use tidings::{Hub, Principal};

/// Prints address, node, engine, and what is open to whom.
#[expect(clippy::print_stdout, reason = "for whoever started the server by hand; logs go to standard error")]
pub(crate) fn print(hub: &Hub, url: &str, addr: SocketAddr) {
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
    println!("  engine  solo: this node alone, nothing is kept over a restart");
    for (what, names) in [("anyone reads and writes", writable), ("anyone reads", readable), ("closed", closed)] {
        if !names.is_empty() {
            println!("  {what}: {}", names.join(", "));
        }
    }
}
