//! The engine that connects this node to others: chosen by one setting, and described by a few.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tidings::{Carrier, Faults, Hub};
use tidings_nats::{JournalOptions, Nats, NatsOptions};
use tidings_zenoh::{Address, Discovery, Tls, Zenoh, ZenohOptions};

/// How nodes reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// Not at all: one node alone.
    Solo,
    /// Directly, with Zenoh inside of each node.
    Zenoh,
    /// Through NATS servers, which also keep what is published where they have JetStream.
    Nats,
}

impl Engine {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Solo => "solo",
            Self::Zenoh => "zenoh",
            Self::Nats => "nats",
        }
    }
}

/// Settings of the cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterConfig {
    /// How this node reaches others.
    #[arg(long, env = "TIDINGS_ENGINE", value_enum, default_value_t = Engine::Solo)]
    pub(crate) engine: Engine,

    /// The cluster's name: nodes of another one are not heard.
    #[arg(long, env = "TIDINGS_CLUSTER", default_value = "tidings")]
    cluster: String,

    /// Where other nodes reach this one; port 0 takes a free one. For nodes on other machines: 0.0.0.0:7447
    #[arg(long, env = "TIDINGS_CLUSTER_LISTEN", default_value = "127.0.0.1:0")]
    cluster_listen: SocketAddr,

    /// The address that other nodes are told, as host:port, where they cannot use the one they see.
    #[arg(long, env = "TIDINGS_CLUSTER_ADVERTISE")]
    cluster_advertise: Option<Address>,

    /// Addresses of other nodes, as host:port, with commas between. One is enough: nodes tell each other whom they know.
    #[arg(long, env = "TIDINGS_PEERS", value_delimiter = ',')]
    peers: Vec<Address>,

    /// A name whose addresses are all nodes, as host:port: a headless service of Kubernetes.
    #[arg(long, env = "TIDINGS_DNS")]
    dns: Option<Address>,

    /// Look for nodes by multicast in the local network. Done in any case where neither peers nor a name are given.
    #[arg(long, env = "TIDINGS_MULTICAST")]
    multicast: bool,

    /// With the engine nats: its servers, as host:port, with commas between.
    #[arg(long, env = "TIDINGS_NATS", value_delimiter = ',', default_value = "127.0.0.1:4222")]
    nats: Vec<String>,

    /// With the engine nats: keep what is published in JetStream, so that all nodes may stop.
    #[arg(long, env = "TIDINGS_JOURNAL")]
    journal: bool,

    /// At the start, wait for so many other nodes before visitors are let in.
    #[arg(long, env = "TIDINGS_WAIT_NODES", default_value_t = 0)]
    wait_nodes: usize,

    /// Seconds after which the node begins without them.
    #[arg(long, env = "TIDINGS_WAIT_S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    wait_s: u32,

    /// Milliseconds without a word after which a node counts as down.
    #[arg(long, env = "TIDINGS_LEASE_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(500..=600_000))]
    lease_ms: u32,

    /// The authority that signs the nodes' certificates, a PEM file. With it, all that nodes say is encrypted.
    #[arg(long, env = "TIDINGS_TLS_CA", requires_all = ["tls_cert", "tls_key"])]
    tls_ca: Option<PathBuf>,

    /// This node's certificate, a PEM file.
    #[arg(long, env = "TIDINGS_TLS_CERT", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,

    /// Its private key, a PEM file.
    #[arg(long, env = "TIDINGS_TLS_KEY", requires = "tls_ca")]
    tls_key: Option<PathBuf>,

    /// Lets visitors who know it cut and slow this node's links, and stop the node: for demonstrations.
    #[arg(long, env = "TIDINGS_DEMO_TOKEN", hide_env_values = true)]
    pub(crate) demo_token: Option<String>,
}

/// Makes the hub a node of its cluster, and waits until it has what the others have. Gives back the means to make
/// faults, where this is a demonstration.
///
/// # Errors
/// What keeps it from beginning, and what to do.
pub(crate) async fn connect(hub: &Hub, config: &ClusterConfig, secret: Option<&str>) -> Result<Option<Faults>, String> {
    if config.engine == Engine::Solo {
        return Ok(None);
    }
    if secret.is_none() {
        tracing::warn!("without TIDINGS_SECRET, the same on all nodes, a page that moves to another node begins anew");
    }
    let faults = match config.engine {
        Engine::Nats => begin(hub, Nats::new(config.nats()), config).await?,
        _ => begin(hub, Zenoh::new(config.zenoh(secret)), config).await?,
    };
    let found = hub.wait_for_nodes(config.wait_nodes, Duration::from_secs(config.wait_s.into())).await;
    if found < config.wait_nodes {
        tracing::warn!(found, wanted = config.wait_nodes, "beginning without all nodes that were waited for");
    }
    Ok(faults)
}

async fn begin(hub: &Hub, carrier: impl Carrier, config: &ClusterConfig) -> Result<Option<Faults>, String> {
    if config.demo_token.is_none() {
        hub.connect(carrier).await.map_err(|error| error.to_string())?;
        return Ok(None);
    }
    let (carrier, faults) = Faults::around(carrier);
    hub.connect(carrier).await.map_err(|error| error.to_string())?;
    Ok(Some(faults))
}

/// Resolves when another node turns out to have this one's name.
pub(crate) async fn taken(hub: &Hub) {
    while !hub.is_taken() {
        hub.changed().await;
    }
}

impl ClusterConfig {
    /// Users and passwords stand in the servers' addresses: `nats://user:password@host:port`.
    fn nats(&self) -> NatsOptions {
        let tls = self.tls_ca.as_ref().map(|authority| {
            let tls = tidings_nats::Tls::default().authority(authority);
            match (&self.tls_cert, &self.tls_key) {
                (Some(certificate), Some(key)) => tls.certificate(certificate, key),
                _ => tls,
            }
        });
        NatsOptions::default()
            .servers(&self.nats)
            .cluster(&self.cluster)
            .lease(Duration::from_millis(self.lease_ms.into()))
            .tls(tls)
            .journal(self.journal.then(JournalOptions::default))
    }

    fn zenoh(&self, secret: Option<&str>) -> ZenohOptions {
        let tls = match (&self.tls_ca, &self.tls_cert, &self.tls_key) {
            (Some(authority), Some(certificate), Some(key)) => {
                Some(Tls { authority: authority.clone(), certificate: certificate.clone(), key: key.clone() })
            }
            _ => None,
        };
        let mut options = ZenohOptions::default()
            .cluster(&self.cluster)
            .listen(self.cluster_listen)
            .advertise(self.cluster_advertise.clone())
            .lease(Duration::from_millis(self.lease_ms.into()))
            .secret(secret.map(for_nodes))
            .tls(tls);
        if !self.peers.is_empty() {
            options = options.discover(Discovery::Static(self.peers.iter().cloned().collect()));
        }
        if let Some(name) = &self.dns {
            options = options.discover(Discovery::Dns { name: name.clone() });
        }
        if self.multicast || options.discovery.is_empty() {
            options = options.discover(Discovery::multicast());
        }
        options
    }
}

/// The secret between nodes, made of the one that signs page ids: who learns the one does not have the other.
fn for_nodes(secret: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(b"tidings: between nodes");
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Config;

    fn config(arguments: &[&str]) -> ClusterConfig {
        let arguments = ["tidings-server", "--engine", "zenoh"].iter().chain(arguments);
        Config::try_parse_from(arguments).unwrap().cluster
    }

    #[test]
    fn one_setting_is_enough() {
        assert_eq!(config(&[]).zenoh(None).discovery, [Discovery::multicast()]);
        let named = config(&["--peers", "10.0.0.2:7447,10.0.0.3:7447"]).zenoh(None);
        assert_eq!(named.discovery, [Discovery::addresses(["10.0.0.2:7447", "10.0.0.3:7447"]).unwrap()]);
        assert_eq!(config(&["--dns", "tidings.svc:7447", "--multicast"]).zenoh(None).discovery.len(), 2);
    }

    #[test]
    fn the_secret_of_nodes_is_another_than_that_of_pages() {
        let derived = for_nodes("swordfish");
        assert_eq!(derived.len(), 64);
        assert!(!derived.contains("swordfish"));
        assert_ne!(derived, for_nodes("swordfisi"));
    }

    #[test]
    fn certificates_come_together() {
        let half = ["tidings-server", "--tls-ca", "ca.pem"];
        let error = Config::try_parse_from(half).unwrap_err().to_string();
        assert!(error.contains("--tls-cert"), "{error}");
    }
}
