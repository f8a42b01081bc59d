//! What an operator decides.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{Address, Discovery};

/// Where a door listens unless told otherwise: for this machine alone, on a port that is free.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How a node takes part in its cluster.
#[derive(Clone)]
#[non_exhaustive]
pub struct ZenohOptions {
    /// The cluster's name: nodes of another one on the same network are not heard. Default `tidings`.
    pub cluster: String,
    /// Where the node listens for the others; port 0 takes a free one. Default `127.0.0.1:0`, for nodes on one machine.
    /// For others, name an address of this one or `0.0.0.0:7447`, and set [`secret`](Self::secret) or [`tls`](Self::tls).
    pub listen: SocketAddr,
    /// How the others reach this node, where they are to be told another address than that from which it called them.
    pub advertise: Option<Address>,
    /// Where to look for the others. Default nowhere: the node waits to be called.
    pub discovery: Vec<Discovery>,
    /// Whether nodes tell each other whom they know. Default yes; without, each has to find every other by itself.
    pub gossip: bool,
    /// A node of which nothing is heard for this long is down. Default 5 s: long enough for a busy machine, and short
    /// beside the patience of who waits. A process that ends is noticed at once, whatever this is.
    pub lease: Duration,
    /// Only who knows it comes in. The same on all nodes; it is not sent, but what is sent can be read on the way.
    pub secret: Option<String>,
    /// Certificates: what is sent cannot be read on the way, and only who has one comes in.
    pub tls: Option<Tls>,
}

/// Certificates of a node, PEM files. Each node shows its own, and takes those that the cluster's authority has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// This node's certificate, for the names and addresses under which it is reached.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for ZenohOptions {
    fn default() -> Self {
        Self {
            cluster: "tidings".to_owned(),
            listen: LISTEN,
            advertise: None,
            discovery: Vec::new(),
            gossip: true,
            lease: Duration::from_secs(5),
            secret: None,
            tls: None,
        }
    }
}

impl ZenohOptions {
    /// Sets [`cluster`](Self::cluster).
    #[must_use]
    pub fn cluster(mut self, name: &str) -> Self {
        name.clone_into(&mut self.cluster);
        self
    }

    /// Sets [`listen`](Self::listen).
    #[must_use]
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// Sets [`advertise`](Self::advertise).
    #[must_use]
    pub fn advertise(mut self, address: Option<Address>) -> Self {
        self.advertise = address;
        self
    }

    /// Adds a place to look for others.
    #[must_use]
    pub fn discover(mut self, discovery: Discovery) -> Self {
        self.discovery.push(discovery);
        self
    }

    /// Sets [`gossip`](Self::gossip).
    #[must_use]
    pub fn gossip(mut self, gossip: bool) -> Self {
        self.gossip = gossip;
        self
    }

    /// Sets [`lease`](Self::lease).
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets [`secret`](Self::secret).
    #[must_use]
    pub fn secret(mut self, secret: Option<String>) -> Self {
        self.secret = secret;
        self
    }

    /// Sets [`tls`](Self::tls).
    #[must_use]
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Whether anybody who reaches the door may send frames.
    pub(crate) fn is_open_to_others(&self) -> bool {
        !self.listen.ip().is_loopback() && self.secret.is_none() && self.tls.is_none()
    }
}

// By hand, for a secret has no place in a log.
impl std::fmt::Debug for ZenohOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZenohOptions")
            .field("cluster", &self.cluster)
            .field("listen", &self.listen)
            .field("advertise", &self.advertise)
            .field("discovery", &self.discovery)
            .field("gossip", &self.gossip)
            .field("lease", &self.lease)
            .field("secret", &self.secret.as_ref().map(|_| "…"))
            .field("tls", &self.tls)
            .finish()
    }
}
