//! Questions between the actors of nodes, as direct messages: each is for one node alone, and is lost with its frame.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tidings::{Delivery, Hub, Payload, Questions, SubscribeError};
use tidings_wire::{NodeName, Signal, topics};
use tokio::task::JoinHandle;

topics! {
    /// What other nodes ask of this node's actor.
    pub(crate) ASK(node: NodeName): Signal<Ask> = "node/{node}/ask";
    /// What they have answered it.
    pub(crate) ANSWER(node: NodeName): Signal<Answer> = "node/{node}/answer";
}

/// How long an answer is waited for: many round trips, and what a visitor puts up with.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// What is asked of a node's actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// To answer.
    Ping,
    /// To add to its counter, and say what it is then.
    Add(u64),
    /// To crash, as a bug would make it.
    Crash,
    /// To cut the link to a node, for a while.
    Cut(NodeName),
    /// To hold back what comes from a node, for a while.
    Delay(NodeName),
    /// To end the faults of the link to a node.
    Heal(NodeName),
    /// To end its process, in order.
    Stop,
}

/// A question, with the way back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ask {
    id: u64,
    pub(crate) from: NodeName,
    pub(crate) order: Order,
}

/// What came of it: a number, or what is wrong, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    id: u64,
    is: Result<u64, String>,
}

/// Another node could not be asked, or did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody was asked.
    #[error("{node} was not reached from {from}: {reason}")]
    Unreached {
        /// Who was to be asked.
        node: NodeName,
        /// Who was to ask.
        from: NodeName,
        /// Why, and what to do.
        reason: String,
    },
    /// There was no answer: the question, or the answer, may have been lost on the way.
    #[error("{node} did not answer within 2 s. It may have done it all the same: look before you try again")]
    Silent {
        /// Who was asked.
        node: NodeName,
    },
    /// It answered that it did not.
    #[error("{node}: {reason}")]
    Refused {
        /// Who was asked.
        node: NodeName,
        /// Why.
        reason: String,
    },
}

/// Asks other nodes' actors, and brings answers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    hub: Hub,
    /// Visitors of all pages ask, and each other node is asked once a second.
    questions: Arc<Questions<Result<u64, String>>>,
}

impl Post {
    pub(crate) fn new(hub: Hub) -> Self {
        let questions = Arc::new(Questions::new(&hub));
        Self { hub, questions }
    }

    /// Asks a node's actor, and waits for the answer.
    pub(crate) async fn ask(&self, node: &NodeName, order: Order) -> Result<u64, AskError> {
        let unreached =
            |reason: String| AskError::Unreached { node: node.clone(), from: self.hub.node_name().clone(), reason };
        let busy = || unreached("too much is being asked, try again in a moment".to_owned());
        let question = self.questions.open().ok_or_else(busy)?;
        let ask = Ask { id: question.number(), from: self.hub.node_name().clone(), order };
        let sent = Payload::of(&ask).map_err(|error| error.to_string()).and_then(|payload| {
            self.hub.direct_broadcast(node, ASK.at(node).as_str(), payload).map_err(|error| error.to_string())
        });
        sent.map_err(unreached)?;
        match question.answered(ANSWER_WAIT).await {
            Some(Ok(number)) => Ok(number),
            Some(Err(reason)) => Err(AskError::Refused { node: node.clone(), reason }),
            None => Err(AskError::Silent { node: node.clone() }),
        }
    }

    /// Answers a question of another node.
    pub(crate) fn answer(&self, ask: &Ask, is: Result<u64, String>) {
        let answer = Payload::of(&Answer { id: ask.id, is }).map_err(|error| error.to_string());
        let sent = answer.and_then(|answer| {
            let topic = ANSWER.at(&ask.from);
            self.hub.direct_broadcast(&ask.from, topic.as_str(), answer).map_err(|error| error.to_string())
        });
        if let Err(error) = sent {
            tracing::debug!(to = %ask.from, error, "an answer could not be sent");
        }
    }

    /// Begins to take in what is asked and answered; `asked` is called for each question, and must not wait.
    pub(crate) fn open(&self, asked: impl Fn(Ask) + Send + 'static) -> Result<JoinHandle<()>, SubscribeError> {
        let node = self.hub.node_name();
        let mut asks = self.hub.subscribe(ASK.at(node).as_str())?;
        let mut answers = self.hub.subscribe(ANSWER.at(node).as_str())?;
        let post = self.clone();
        Ok(tokio::spawn(async move {
            loop {
                tokio::select! {
                    delivery = asks.next() => if let Some(ask) = read(&delivery) {
                        asked(ask);
                    },
                    delivery = answers.next() => if let Some(Answer { id, is }) = read(&delivery) {
                        post.questions.answer(id, is);
                    },
                }
            }
        }))
    }
}

/// A direct message; a gap is somebody's silence, who is told so by the time that passes.
fn read<T: for<'de> Deserialize<'de>>(delivery: &Delivery) -> Option<T> {
    let Delivery::Message(entry) = delivery else { return None };
    let payload = entry.payload.as_ref()?;
    payload.decode().inspect_err(|error| tracing::warn!(topic = %entry.topic, %error, "not understood")).ok()
}
