//! Nodes of a cluster reach each other over [Zenoh](https://zenoh.io), inside their own processes: no server to run.
//!
//! ```no_run
//! use tidings::Hub;
//! use tidings_zenoh::{Discovery, Zenoh, ZenohOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::solo("alpha")?;
//! let options = ZenohOptions::default()
//!     .listen("0.0.0.0:7447".parse()?)
//!     .discover(Discovery::addresses(["10.0.0.2:7447", "10.0.0.3:7447"])?);
//! hub.connect(Zenoh::new(options)).await?;
//! # Ok(()) }
//! ```
//!
//! # What it does
//! A [`Carrier`](tidings::Carrier): it moves frames and says who is there. Order, repair, interest and the rest are the
//! hub's, whatever this drops.
//!
//! - Each node has a **door**: a Zenoh session that listens. It takes frames, and answers who asks for its name.
//! - To each other node it has a **link**: a session of its own, through which its frames go to that door. A peer that
//!   stops reading fills the queue of its own link, and nobody else's.
//! - [`Discovery`] says at which addresses to look. Each is called until it answers, and again when it is lost, for as
//!   long as the process runs. Nodes tell each other whom they know, so that one address of the cluster is enough.
//! - A node counts as up from when its door has answered a link, and as down when that link ends: at once where its
//!   process ends, after [`ZenohOptions::lease`] where nothing is heard of it.
//!
//! # Limits
//! Zenoh runs on a multi-threaded tokio runtime only. Frames that wait for a peer: 4,096 and 64 MiB, after which they are
//! dropped, and repaired by the hub. Each link costs a thread and about 250 kB: fine for a hundred nodes, not for a
//! thousand.
//!
//! # Who may come in
//! Whoever reaches the door may send frames, unless there are a [secret](ZenohOptions::secret) or
//! [certificates](Tls). A door that listens beyond this machine with neither says so in the log.

mod addresses;
mod carrier;
mod config;
mod discovery;
mod door;
mod held;
mod hello;
mod link;
mod options;
mod queue;
mod table;

pub use addresses::{Address, AddressError};
pub use carrier::Zenoh;
pub use discovery::Discovery;
pub use options::{Tls, ZenohOptions};
