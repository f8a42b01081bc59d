//! The conformance suite, on nodes that reach each other through a NATS server.

mod support;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use support::Server;
use tidings::{
    BoxFuture, Faults, Hub,
    conformance::{Cable, TestEngine},
};
use tidings_nats::{Nats, NatsOptions};

mod three {
    use super::OnNats;

    tidings::conformance!(OnNats::new().await);
}

/// One node of a cluster holds what a node alone does.
mod one {
    use super::OnNats;

    tidings::conformance!(alone: OnNats::new().await.one().await);
}

const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];

/// For how long a fault is made: longer than any case.
const FAULT: Duration = Duration::from_secs(600);

/// The nodes of the suite. Each has a cable of its own to the server, so that one can be killed. All their ways go
/// through that server, so the links between two are cut at both of them.
struct OnNats {
    _server: Server,
    cables: HashMap<&'static str, Cable>,
    faults: Mutex<HashMap<String, Faults>>,
}

impl OnNats {
    async fn new() -> Self {
        let server = Server::alone();
        let mut cables = HashMap::new();
        for name in NAMES {
            cables.insert(name, Cable::to(server.addr).await);
        }
        Self { _server: server, cables, faults: Mutex::default() }
    }

    async fn one(self) -> Hub {
        let hub = Hub::solo("alpha").expect("a plain name");
        self.connect(&hub).await;
        // The server lives as long as this process.
        std::mem::forget(self);
        hub
    }

    fn with_faults(&self, of: impl Fn(&HashMap<String, Faults>)) {
        of(&self.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl TestEngine for OnNats {
    fn connect<'a>(&'a self, node: &'a Hub) -> BoxFuture<'a, ()> {
        Box::pin(async {
            let name = node.node_name().as_str();
            let options = NatsOptions::default().servers([self.cables[name].addr().to_string()]);
            let (carrier, faults) = Faults::around(Nats::new(options));
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), faults);
            node.connect(carrier).await.expect("a name of its own");
        })
    }

    fn kill(&self, node: Hub) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let cable = &self.cables[node.node_name().as_str()];
            cable.end().await;
            // Its goodbye reaches nobody.
            node.leave().await;
            cable.heal();
        })
    }

    fn cut(&self, a: &str, b: &str) {
        self.with_faults(|faults| {
            for (at, other) in [(a, b), (b, a)] {
                faults[at].cut(&other.parse().expect("a plain name"), FAULT);
            }
        });
    }

    fn heal(&self) {
        self.with_faults(|faults| {
            for other in NAMES {
                faults.values().for_each(|faults| faults.heal(&other.parse().expect("a plain name")));
            }
        });
    }
}
