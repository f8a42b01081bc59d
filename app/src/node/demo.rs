//! Where this is a demonstration: who may make faults, and how.

use std::time::Duration;

use tidings::Faults;
use tidings_wire::NodeName;
use tokio::sync::watch;

use super::post::Order;

/// A fault heals by itself after this: long enough to look, and short enough to be forgotten.
const LASTS: Duration = Duration::from_secs(30);

/// How long a slow link holds back what comes: to be seen with the eye.
const DELAY: Duration = Duration::from_millis(300);

/// A cut of the way by which the answer goes waits for this long: many times what a frame takes to leave.
const ANSWER_FIRST: Duration = Duration::from_millis(200);

/// The means to make faults, for who knows the token. In the context of pages and server functions, where the server was
/// started with one.
#[derive(Clone)]
pub struct Demo {
    faults: Faults,
    token: String,
}

impl Demo {
    /// With the token that visitors have to name.
    #[must_use]
    pub fn new(faults: Faults, token: String) -> Self {
        Self { faults, token }
    }

    /// The means, if the token is right.
    #[must_use]
    pub fn unlock(&self, token: &str) -> Option<&Faults> {
        // Lengths and all bytes are looked at, so that the time tells nothing of the token.
        let same = self.token.len() == token.len()
            && self.token.bytes().zip(token.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0;
        same.then_some(&self.faults)
    }
}

/// Does to a node what a demonstration asks for. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Deeds {
    faults: Option<Faults>,
    stop: watch::Sender<bool>,
}

impl Deeds {
    pub(crate) fn new(faults: Option<Faults>) -> Self {
        Self { faults, stop: watch::Sender::new(false) }
    }

    /// Does it for another node. What would cut that node off from the answer is done a moment later.
    pub(crate) fn act_for(&self, from: &NodeName, order: &Order) -> Result<u64, String> {
        match (order, &self.faults) {
            (Order::Cut(node), Some(_)) if node == from => {
                let (deeds, order) = (self.clone(), order.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(ANSWER_FIRST).await;
                    deeds.act(&order)
                });
                Ok(0)
            }
            _ => self.act(order),
        }
    }

    /// Does it; what keeps it from that is for people.
    pub(crate) fn act(&self, order: &Order) -> Result<u64, String> {
        let Some(faults) = &self.faults else {
            return match order {
                Order::Ping => Ok(0),
                _ => Err("it was started without TIDINGS_DEMO_TOKEN, so nobody may do that to it".to_owned()),
            };
        };
        match order {
            Order::Ping => {}
            Order::Cut(node) => faults.cut(node, LASTS),
            Order::Delay(node) => faults.delay(node, DELAY, LASTS),
            Order::Heal(node) => faults.heal(node),
            Order::Stop => drop(self.stop.send_replace(true)),
            Order::Add(_) | Order::Crash => return Err("this is its actor's to do".to_owned()),
        }
        Ok(0)
    }

    pub(crate) async fn told_to_stop(&self) {
        // The sender is here: it cannot have gone.
        let _ = self.stop.subscribe().wait_for(|told| *told).await;
    }
}
