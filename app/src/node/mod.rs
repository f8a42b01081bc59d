//! A node's own actor: it reads the machine, owns a counter, tells everyone what it sees, and answers other nodes.
//!
//! The pair is Erlang's: a worker that may crash, and a supervisor that starts it again. What must
//! outlive a crash lies in a retained topic, not in the worker; and since all nodes hold what is retained, it outlives
//! the process, too.

mod demo;
mod post;
mod sight;
mod supervisor;
mod worker;

pub use demo::Demo;
pub use post::{AskError, Order};
pub use supervisor::{NodeError, NodeHandle, NodeOptions, start};

use tidings::{Hub, anyone};

use crate::topics::{COUNTER, SEES, VITALS};

/// Serves the topics of the node's actor. Only the actors write: to them all, nobody outside may.
pub fn serve_topics(hub: &Hub) {
    hub.serve(VITALS).read(anyone);
    hub.serve(COUNTER).read(anyone);
    hub.serve(SEES).read(anyone);
    // What nodes say to each other is no visitor's to read or to write.
    hub.serve(post::ASK);
    hub.serve(post::ANSWER);
}
