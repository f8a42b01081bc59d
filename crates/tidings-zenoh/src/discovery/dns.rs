//! All addresses of a name.

use std::{collections::BTreeSet, time::Duration};

use tokio::{
    net::lookup_host,
    time::{MissedTickBehavior, interval},
};

use crate::{Address, carrier::Node};

/// How often the name is asked for: as often as libcluster does.
const ASK_EACH: Duration = Duration::from_secs(5);

/// Addresses of one name that are looked at: more than a cluster has nodes.
const ADDRESSES_MAX: usize = 512;

pub(crate) async fn run(number: usize, node: &Node, name: &Address) {
    let mut each = interval(ASK_EACH);
    each.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        each.tick().await;
        let found = match lookup_host(name.as_str()).await {
            Ok(found) => Ok(found.take(ADDRESSES_MAX).map(Address::from).collect::<BTreeSet<_>>()),
            Err(error) => Err(error.to_string()),
        };
        if last.as_ref() == Some(&found) {
            continue;
        }
        match &found {
            Ok(addresses) => {
                tracing::info!(%name, count = addresses.len(), "the name's addresses");
                node.addresses.named(number, addresses.clone());
            }
            // What was found before is called on: a name server that fails is no reason to leave a cluster.
            Err(error) => tracing::warn!(%name, error, "the name has no address; asking again"),
        }
        last = Some(found);
    }
}
