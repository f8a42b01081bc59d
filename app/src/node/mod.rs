//! A node's own actor: it reads the machine, owns a counter, and tells everyone through topics.
//!
//! The pair is Erlang's: a worker that may crash, and a supervisor that starts it again. What must
//! outlive a crash lies in a retained topic, not in the worker.

mod demo;
mod supervisor;
mod worker;

pub use demo::Demo;
pub use supervisor::{NodeError, NodeHandle, start};
