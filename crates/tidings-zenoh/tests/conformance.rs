//! The conformance suite, on nodes that reach each other over Zenoh.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tidings::{
    BoxFuture, Hub,
    conformance::{Cable, TestEngine, free_addr},
};
use tidings_zenoh::{Discovery, Zenoh, ZenohOptions};

mod three {
    use super::OnZenoh;

    tidings::conformance!(OnZenoh::new().await);
}

/// One node of a cluster holds what a node alone does.
mod one {
    use super::OnZenoh;

    tidings::conformance!(alone: OnZenoh::new().await.one().await);
}

/// The nodes of the suite. Between each two there is a cable a direction, and no other way.
struct OnZenoh {
    doors: HashMap<&'static str, SocketAddr>,
    cables: HashMap<(&'static str, &'static str), Cable>,
}

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

impl OnZenoh {
    async fn new() -> Self {
        let doors: HashMap<_, _> = NAMES.iter().map(|name| (*name, free_addr())).collect();
        let mut cables = HashMap::new();
        for from in NAMES {
            for to in NAMES.into_iter().filter(|to| *to != from) {
                cables.insert((from, to), Cable::to(doors[to]).await);
            }
        }
        Self { doors, cables }
    }

    async fn one(&self) -> Hub {
        let hub = Hub::solo("alpha").expect("a plain name");
        self.connect(&hub).await;
        hub
    }

    /// The cables of a node, or those between two.
    fn cables(&self, ends: &[&str]) -> Vec<&Cable> {
        let has_all = |(from, to): &(&str, &str)| ends.iter().all(|end| end == from || end == to);
        self.cables.iter().filter(|(cable, _)| has_all(cable)).map(|(_, proxy)| proxy).collect()
    }
}

impl TestEngine for OnZenoh {
    fn connect<'a>(&'a self, node: &'a Hub) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let name = node.node_name().as_str();
            let others = self.cables.iter().filter(|((from, _), _)| *from == name);
            let others: Vec<_> = others.map(|(_, proxy)| proxy.addr().to_string()).collect();
            let options = ZenohOptions::default()
                .listen(self.doors[name])
                .discover(Discovery::addresses(others.iter().map(String::as_str)).expect("addresses"))
                // They would tell each other of ways past the cables.
                .gossip(false)
                .lease(Duration::from_secs(30));
            node.connect(Zenoh::new(options)).await.expect("a name of its own");
        })
    }

    fn kill(&self, node: Hub) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let cables = self.cables(&[node.node_name().as_str()]);
            for cable in &cables {
                cable.end().await;
            }
            // Its goodbye reaches nobody; its door is free again.
            node.leave().await;
            for cable in cables {
                cable.heal();
            }
        })
    }

    fn cut(&self, a: &str, b: &str) {
        for cable in self.cables(&[a, b]) {
            cable.cut();
        }
    }

    fn heal(&self) {
        for cable in self.cables.values() {
            cable.heal();
        }
    }
}
