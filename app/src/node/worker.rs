//! The worker: vitals once a second, and the counter.

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tidings::Hub;
use tidings_wire::NodeName;

use crate::topics::{COUNTER, VITALS, Vitals};

/// How often the vitals are read and published.
const TICK: Duration = Duration::from_secs(1);

/// Tells how many streams are open.
pub(crate) type CountStreams = Arc<dyn Fn() -> usize + Send + Sync>;

/// What the worker does.
pub(crate) enum Command {
    /// Read the machine and publish.
    Tick,
    /// Add to the counter, and answer with what it is then.
    Add(u64, RpcReplyPort<u64>),
    /// Panic, as a bug would make it.
    #[cfg(test)]
    Crash,
}

/// What the worker begins with, each time it is started.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) hub: Hub,
    pub(crate) streams: CountStreams,
}

pub(crate) struct Worker;

pub(crate) struct State {
    hub: Hub,
    streams: CountStreams,
    node: NodeName,
    counter: u64,
    system: System,
    pid: Pid,
}

impl Actor for Worker {
    type Msg = Command;
    type State = State;
    type Arguments = Start;

    async fn pre_start(&self, myself: ActorRef<Command>, start: Start) -> Result<State, ActorProcessingErr> {
        let node = start.hub.node_name().clone();
        let topic = COUNTER.at(&node);
        // After a crash the number is where it was: the topic keeps it.
        let kept = start.hub.value(&topic);
        if kept.is_none() {
            start.hub.publish(&topic, &0)?;
        }
        let pid = sysinfo::get_current_pid()?;
        let mut state = State {
            hub: start.hub,
            streams: start.streams,
            node,
            counter: kept.unwrap_or(0),
            system: System::new()?,
            pid,
        };
        // The first reading has no interval to take a share of; it makes the next one right.
        state.publish_vitals()?;
        myself.send_interval(TICK, || Command::Tick);
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<Command>,
        command: Command,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match command {
            Command::Tick => state.publish_vitals()?,
            Command::Add(by, reply) => {
                state.counter = state.counter.saturating_add(by);
                state.hub.publish(&COUNTER.at(&state.node), &state.counter)?;
                // Whoever asked may have gone; the number counts all the same.
                let _ = reply.send(state.counter);
            }
            #[cfg(test)]
            Command::Crash => panic!("asked to crash"),
        }
        Ok(())
    }
}

impl State {
    fn publish_vitals(&mut self) -> Result<(), ActorProcessingErr> {
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, kind);
        let process = self.system.process(self.pid).ok_or("the machine does not know this process")?;
        let vitals = Vitals {
            uptime_s: process.run_time(),
            cpu_percent: process.cpu_usage(),
            memory_bytes: process.memory(),
            streams: (self.streams)() as u64,
        };
        self.hub.publish(&VITALS.at(&self.node), &vitals)?;
        Ok(())
    }
}
