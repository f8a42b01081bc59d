//! Who answers in a multicast group.

use std::{net::SocketAddr, time::Duration};

use tokio::time::sleep;
use zenoh::config::WhatAmI;

use crate::{Address, carrier::Node, config};

/// After which a search that could not begin is begun again: an interface may come up later.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

pub(crate) async fn run(number: usize, node: &Node, group: SocketAddr) {
    loop {
        let begun = match config::scout(group) {
            Ok(config) => zenoh::scout(WhatAmI::Peer, config).await,
            Err(error) => Err(error),
        };
        match begun {
            // It asks again and again, and says what answers.
            Ok(scout) => {
                while let Ok(hello) = scout.recv_async().await {
                    for locator in hello.locators() {
                        if let Ok(address) = locator.address().as_str().parse::<Address>() {
                            node.addresses.also_named(number, address);
                        }
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%group, %error, "nobody can be looked for in the multicast group; trying again")
            }
        }
        sleep(AGAIN_AFTER).await;
    }
}
