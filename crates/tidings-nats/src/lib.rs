//! Nodes of a cluster reach each other through [NATS](https://nats.io) servers.
//!
//! ```no_run
//! use tidings::Hub;
//! use tidings_nats::{Nats, NatsOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::solo("alpha")?;
//! hub.connect(Nats::new(NatsOptions::default().servers(["10.0.0.2:4222", "10.0.0.3:4222"]))).await?;
//! # Ok(()) }
//! ```

mod carrier;
mod client;
mod hello;
mod journal;
mod letter;
mod listen;
mod options;
mod queue;
mod subjects;
mod table;

pub use carrier::Nats;
pub use journal::{JetStream, JournalOptions};
pub use options::{Credentials, NatsOptions, Tls};
