//! Configuration: flags, or environment variables.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;

use crate::engine::ClusterConfig;

/// Live topics for Leptos: the demo app, on one node or on one of a cluster.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "tidings-server",
    version,
    after_help = "Logs go to standard error; RUST_LOG sets what is logged (default: info,zenoh=error)."
)]
pub(crate) struct Config {
    /// Where to listen; port 0 takes a free one. LEPTOS_SITE_ADDR is asked next [default: 127.0.0.1:3000]
    #[arg(long, env = "TIDINGS_ADDR")]
    addr: Option<SocketAddr>,

    /// What `cargo leptos` sets.
    #[arg(long, env = "LEPTOS_SITE_ADDR", hide = true)]
    leptos_site_addr: Option<SocketAddr>,

    /// This node's name, unique in its cluster: letters, digits, `_`, `.` and `-`.
    #[arg(long, env = "TIDINGS_NODE", default_value = "alpha")]
    pub(crate) node: String,

    /// How visitors reach the app, for the commands that it shows: by default the address.
    #[arg(long, env = "TIDINGS_URL")]
    pub(crate) url: Option<String>,

    /// The folder that `cargo leptos build` made: by default looked for beside the binary.
    #[arg(long, env = "TIDINGS_SITE_ROOT")]
    pub(crate) site_root: Option<PathBuf>,

    /// Signs page ids; the same on all nodes. By default a new one at each start.
    #[arg(long, env = "TIDINGS_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,

    /// Origins under which this app is served, as `https://app.example`, where a proxy changes the Host header.
    #[arg(long, env = "TIDINGS_ORIGINS", value_delimiter = ',')]
    pub(crate) origins: Vec<String>,

    /// Milliseconds after which an idle stream beats.
    #[arg(long, env = "TIDINGS_BEAT_MS", default_value_t = 15_000, value_parser = clap::value_parser!(u32).range(100..=600_000))]
    pub(crate) beat_ms: u32,

    #[command(flatten)]
    pub(crate) cluster: ClusterConfig,
}

impl Config {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr.or(self.leptos_site_addr).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3000)))
    }

    pub(crate) fn beat(&self) -> Duration {
        Duration::from_millis(u64::from(self.beat_ms))
    }
}
