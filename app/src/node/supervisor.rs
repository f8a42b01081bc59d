//! The supervisor: starts the worker, and starts it again when it fails.

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent, call_t};
use thiserror::Error;
use tidings::Hub;
use tokio::sync::watch;

use super::worker::{Command, Start, Worker};

/// Milliseconds that a caller waits for the worker.
const CALL_MS_MAX: u64 = 2_000;

/// Before a worker that failed is started again, so that one that always fails does not take a core.
const RESTART_DELAY: Duration = Duration::from_millis(200);

/// The worker could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// It is being restarted, or too busy.
    #[error("the node's actor does not answer: it may be restarting, try again in a moment")]
    Silent,
    /// The supervisor itself could not be started.
    #[error("the node's actor could not be started: {0}")]
    Start(String),
}

/// Reaches the node's worker, whichever start of it is running.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    worker: watch::Receiver<Option<ActorRef<Command>>>,
    supervisor: ActorRef<Restart>,
}

/// Starts the supervisor, and with it the worker.
///
/// # Errors
/// [`NodeError::Start`].
pub async fn start(hub: Hub, streams: impl Fn() -> usize + Send + Sync + 'static) -> Result<NodeHandle, NodeError> {
    let (publish, worker) = watch::channel(None);
    let start = Start { hub, streams: Arc::new(streams) };
    let (supervisor, _) = Actor::spawn(None, Supervisor, State { start, publish })
        .await
        .map_err(|error| NodeError::Start(error.to_string()))?;
    Ok(NodeHandle { worker, supervisor })
}

impl NodeHandle {
    /// Adds to the node's counter; gives back what it is then.
    ///
    /// # Errors
    /// [`NodeError::Silent`].
    pub async fn add(&self, by: u64) -> Result<u64, NodeError> {
        let worker = self.worker.borrow().clone().ok_or(NodeError::Silent)?;
        call_t!(worker, Command::Add, CALL_MS_MAX, by).map_err(|_| NodeError::Silent)
    }

    /// Stops worker and supervisor.
    pub fn stop(&self) {
        self.supervisor.stop(None);
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
mod tests {
    use super::*;
    use crate::topics::COUNTER;

    #[tokio::test]
    async fn the_counter_survives_a_crash_of_its_actor() {
        let hub = Hub::solo("alpha").unwrap();
        hub.serve(COUNTER);
        hub.serve(crate::topics::VITALS);
        let node = start(hub.clone(), || 0).await.unwrap();
        assert_eq!(node.add(41).await.unwrap(), 41);
        let first = node.worker.borrow().clone().unwrap();
        first.cast(Command::Crash).unwrap();
        let mut worker = node.worker.clone();
        let restarted = |worker: &Option<ActorRef<Command>>| {
            worker.as_ref().is_some_and(|worker| worker.get_id() != first.get_id())
        };
        tokio::time::timeout(Duration::from_secs(20), worker.wait_for(restarted)).await.unwrap().unwrap();
        assert_eq!(node.add(1).await.unwrap(), 42);
        assert_eq!(hub.value(&COUNTER.at(hub.node_name())), Some(42));
        node.stop();
    }
}
