//! Where to look for other nodes.

mod dns;
mod multicast;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use crate::{Address, AddressError, carrier::Node};

/// The group that Zenoh's nodes use unless told otherwise.
const GROUP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(224, 0, 0, 224)), 7446);

/// A place where the addresses of nodes are found, as libcluster's strategies are. Several may be named; what any of
/// them finds is called until it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Discovery {
    /// These addresses. A node's own may be among them, so that all nodes can have one list.
    Static(BTreeSet<Address>),
    /// All addresses of a name, asked for again every five seconds: a headless service of Kubernetes.
    Dns {
        /// `host:port`.
        name: Address,
    },
    /// Whoever answers in a multicast group of the local network.
    Multicast {
        /// Its address and port.
        group: SocketAddr,
    },
}

impl Discovery {
    /// These addresses.
    ///
    /// # Errors
    /// [`AddressError`], with the text that is none.
    pub fn addresses<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Result<Self, AddressError> {
        Ok(Self::Static(addresses.into_iter().map(str::parse).collect::<Result<_, _>>()?))
    }

    /// All addresses of a name, as `tidings.default.svc.cluster.local:7447`.
    ///
    /// # Errors
    /// [`AddressError`], where the name or the port is missing.
    pub fn dns(name: &str) -> Result<Self, AddressError> {
        Ok(Self::Dns { name: name.parse()? })
    }

    /// Whoever answers in Zenoh's usual multicast group, 224.0.0.224:7446.
    #[must_use]
    pub fn multicast() -> Self {
        Self::Multicast { group: GROUP }
    }

    /// The multicast group in which a node answers, if it does.
    pub(crate) fn group(&self) -> Option<SocketAddr> {
        match self {
            Self::Multicast { group } => Some(*group),
            Self::Static(_) | Self::Dns { .. } => None,
        }
    }

    /// Looks for as long as the node runs. Places are told apart by their number.
    pub(crate) async fn run(self, number: usize, node: Arc<Node>) {
        match self {
            Self::Static(addresses) => node.addresses.named(number, addresses),
            Self::Dns { name } => dns::run(number, &node, &name).await,
            Self::Multicast { group } => multicast::run(number, &node, group).await,
        }
    }
}
