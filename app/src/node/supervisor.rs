//! The supervisor: starts the worker, and starts it again when it fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent, call_t};
use thiserror::Error;
use tidings::{Faults, Hub};
use tidings_wire::NodeName;
use tokio::{sync::watch, task::AbortHandle};

use super::{
    demo::Deeds,
    post::{Ask, AskError, Order, Post},
    worker::{Command, CountStreams, Start, Worker},
};

/// Milliseconds that a caller waits for the worker.
const CALL_MS_MAX: u64 = 2_000;

/// Before a worker that failed is started again, so that one that always fails does not take a core.
const RESTART_DELAY: Duration = Duration::from_millis(200);

/// For how long a node that reaches no other waits for them before its counter begins at 0: discovery and a lease, some
/// times over.
const SETTLE_WAIT: Duration = Duration::from_secs(20);

/// The worker could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// It is being restarted, or too busy.
    #[error("the node's actor does not answer: it may be restarting, try again in a moment")]
    Silent,
    /// It answered that it did not; why.
    #[error("{0}")]
    Refused(String),
    /// Another node's could not be.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The supervisor itself could not be started.
    #[error("the node's actor could not be started: {0}")]
    Start(String),
}

/// What the node's actor is started with.
#[derive(Clone)]
pub struct NodeOptions {
    streams: CountStreams,
    is_clustered: bool,
    faults: Option<Faults>,
}

impl NodeOptions {
    /// With what tells how many streams are open. The node is alone, and nobody makes faults.
    #[must_use]
    pub fn new(streams: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self { streams: Arc::new(streams), is_clustered: false, faults: None }
    }

    /// Whether there may be other nodes: they may hold what this node's counter was before it began again, so that it
    /// is not begun at 0 before they are reached, or 20 s have passed.
    #[must_use]
    pub fn clustered(mut self, is_clustered: bool) -> Self {
        self.is_clustered = is_clustered;
        self
    }

    /// The means to make faults, where this is a demonstration: other nodes may then ask for them, and for the end of
    /// the process.
    #[must_use]
    pub fn faults(mut self, faults: Option<Faults>) -> Self {
        self.faults = faults;
        self
    }
}

impl std::fmt::Debug for NodeOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeOptions").field("is_clustered", &self.is_clustered).finish_non_exhaustive()
    }
}

/// Reaches the node's worker, whichever start of it is running, and those of other nodes.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    node: NodeName,
    worker: watch::Receiver<Option<ActorRef<Command>>>,
    supervisor: ActorRef<Restart>,
    post: Post,
    deeds: Deeds,
    open: AbortHandle,
}

/// Starts the supervisor, and with it the worker; from then on the node answers others.
///
/// # Errors
/// [`NodeError::Start`].
pub async fn start(hub: Hub, options: NodeOptions) -> Result<NodeHandle, NodeError> {
    let NodeOptions { streams, is_clustered, faults } = options;
    let failed = |error: &dyn std::error::Error| NodeError::Start(error.to_string());
    let settled_at = Instant::now() + if is_clustered { SETTLE_WAIT } else { Duration::ZERO };
    let (node, post, deeds) = (hub.node_name().clone(), Post::new(hub.clone()), Deeds::new(faults.clone()));
    let (publish, worker) = watch::channel(None);
    // Before the worker, whose first questions are then answered.
    let asked = Asked { post: post.clone(), deeds: deeds.clone(), worker: worker.clone() };
    let open = post.open(move |ask| asked.act(ask)).map_err(|error| failed(&error))?.abort_handle();
    let start = Start { hub, streams, post: post.clone(), faults, settled_at };
    match Actor::spawn(None, Supervisor, State { start, publish }).await {
        Ok((supervisor, _)) => Ok(NodeHandle { node, worker, supervisor, post, deeds, open }),
        Err(error) => {
            open.abort();
            Err(failed(&error))
        }
    }
}

impl NodeHandle {
    /// The node.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Adds to the node's counter; gives back what it is then.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn add(&self, by: u64) -> Result<u64, NodeError> {
        let worker = self.worker.borrow().clone().ok_or(NodeError::Silent)?;
        let added = call_t!(worker, Command::Add, CALL_MS_MAX, by).map_err(|_| NodeError::Silent)?;
        added.map_err(NodeError::Refused)
    }

    /// Has a node's actor do something: this one's own, or another's by a direct message.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn order(&self, node: &NodeName, order: Order) -> Result<u64, NodeError> {
        if *node != self.node {
            return Ok(self.post.ask(node, order).await?);
        }
        match order {
            Order::Add(by) => self.add(by).await,
            Order::Crash => {
                let worker = self.worker.borrow().clone().ok_or(NodeError::Silent)?;
                worker.cast(Command::Crash).map(|()| 0).map_err(|_| NodeError::Silent)
            }
            other => self.deeds.act(&other).map_err(NodeError::Refused),
        }
    }

    /// Waits until somebody who may has asked for the end of the process.
    pub async fn told_to_stop(&self) {
        self.deeds.told_to_stop().await;
    }

    /// Stops worker and supervisor; other nodes are not answered any more.
    pub fn stop(&self) {
        self.supervisor.stop(None);
        self.open.abort();
    }
}

/// What becomes of another node's question.
struct Asked {
    post: Post,
    deeds: Deeds,
    worker: watch::Receiver<Option<ActorRef<Command>>>,
}

impl Asked {
    fn act(&self, ask: Ask) {
        match ask.order {
            Order::Add(_) | Order::Crash => {
                let worker = self.worker.borrow().clone();
                let away = |ask: &Ask| self.post.answer(ask, Err(NodeError::Silent.to_string()));
                match worker {
                    Some(worker) => {
                        // One that is ending answers nobody: the question is then answered here.
                        if let Err(ractor::MessagingErr::SendErr(Command::Asked(ask))) =
                            worker.cast(Command::Asked(ask))
                        {
                            away(&ask);
                        }
                    }
                    None => away(&ask),
                }
            }
            ref order => self.post.answer(&ask, self.deeds.act_for(&ask.from, order)),
        }
    }
}

/// The one thing that the supervisor tells itself.
pub(crate) struct Restart;

struct Supervisor;

struct State {
    start: Start,
    publish: watch::Sender<Option<ActorRef<Command>>>,
}

impl State {
    async fn start_worker(&self, myself: &ActorRef<Restart>) -> Result<(), ActorProcessingErr> {
        let (worker, _) = Actor::spawn_linked(None, Worker, self.start.clone(), myself.get_cell()).await?;
        self.publish.send_replace(Some(worker));
        Ok(())
    }
}

impl Actor for Supervisor {
    type Msg = Restart;
    type State = State;
    type Arguments = State;

    async fn pre_start(&self, myself: ActorRef<Restart>, state: State) -> Result<State, ActorProcessingErr> {
        state.start_worker(&myself).await?;
        Ok(state)
    }

    async fn handle(&self, myself: ActorRef<Restart>, _: Restart, state: &mut State) -> Result<(), ActorProcessingErr> {
        if let Err(error) = state.start_worker(&myself).await {
            tracing::error!(%error, "the node's actor could not be restarted; trying again");
            myself.send_after(RESTART_DELAY, || Restart);
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Restart>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let reason = match event {
            SupervisionEvent::ActorFailed(_, error) => error.to_string(),
            SupervisionEvent::ActorTerminated(_, _, reason) => reason.unwrap_or_else(|| "it ended".to_owned()),
            _ => return Ok(()),
        };
        tracing::warn!(reason, "the node's actor is gone; starting it again");
        state.publish.send_replace(None);
        myself.send_after(RESTART_DELAY, || Restart);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
