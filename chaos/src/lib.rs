//! Real processes, real addresses, real faults: what holds in a cluster whose parts fail.
//!
//! Each host is a network namespace, so this runs on Linux and as root.

#![allow(missing_docs, reason = "a library for this program and its tests alone")]

pub mod cluster;
pub mod fault;
pub mod latency;
pub mod net;
pub mod node;
pub mod process;
pub mod protocol;
pub mod record;
pub mod server;
