//! The worker: once a second vitals and what it sees, and the counter.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tidings::{Faults, Hub, MemberState, PublishError};
use tidings_wire::NodeName;

use super::{
    post::{Ask, Order, Post},
    sight::Sight,
};
use crate::topics::{COUNTER, SEES, VITALS, Vitals};

/// How often the worker looks, and publishes.
const TICK: Duration = Duration::from_secs(1);

/// From the answer to who asked for a crash to the crash itself: a panic that prints where it was holds its thread, and
/// what that thread was about to do, for seconds on a busy machine.
const CRASH_DELAY: Duration = Duration::from_millis(100);

/// Tells how many streams are open.
pub(crate) type CountStreams = Arc<dyn Fn() -> usize + Send + Sync>;

/// What the worker does.
pub(crate) enum Command {
    /// Look around and publish.
    Tick,
    /// Add to the counter, and answer with what it is then.
    Add(u64, RpcReplyPort<Result<u64, String>>),
    /// Do what another node asks, and answer it.
    Asked(Ask),
    /// Panic, as a bug would make it.
    Crash,
}

/// What the worker begins with, each time it is started.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) hub: Hub,
    pub(crate) streams: CountStreams,
    pub(crate) post: Post,
    pub(crate) faults: Option<Faults>,
    /// Until then a node that reaches no other does not know what its counter was.
    pub(crate) settled_at: Instant,
}

pub(crate) struct Worker;

pub(crate) struct State {
    hub: Hub,
    streams: CountStreams,
    post: Post,
    node: NodeName,
    sight: Sight,
    settled_at: Instant,
    system: System,
    pid: Pid,
}

impl Actor for Worker {
    type Msg = Command;
    type State = State;
    type Arguments = Start;

    async fn pre_start(&self, myself: ActorRef<Command>, start: Start) -> Result<State, ActorProcessingErr> {
        let Start { hub, streams, post, faults, settled_at } = start;
        let (node, pid) = (hub.node_name().clone(), sysinfo::get_current_pid()?);
        let sight = Sight::new(hub.clone(), post.clone(), faults);
        let mut state = State { hub, streams, post, node, sight, settled_at, system: System::new()?, pid };
        // The first reading has no interval to take a share of; it makes the next one right.
        state.tick()?;
        myself.send_interval(TICK, || Command::Tick);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Command>,
        command: Command,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match command {
            Command::Tick => state.tick()?,
            // Whoever asked may have gone; the number counts all the same.
            Command::Add(by, reply) => drop(reply.send(state.add(by))),
            Command::Asked(ask) => match ask.order {
                Order::Add(by) => state.post.answer(&ask, state.add(by)),
                Order::Crash => {
                    state.post.answer(&ask, Ok(0));
                    myself.send_after(CRASH_DELAY, || Command::Crash);
                }
                _ => state.post.answer(&ask, Err("this is nothing that its actor does".to_owned())),
            },
            Command::Crash => crash(),
        }
        Ok(())
    }
}

fn crash() -> ! {
    panic!("asked to crash, from a page")
}

impl State {
    fn tick(&mut self) -> Result<(), ActorProcessingErr> {
        if self.counter().is_none() && self.is_settled() {
            self.hub.publish(&COUNTER.at(&self.node), &0)?;
        }
        self.publish_vitals()?;
        self.hub.publish(&SEES.at(&self.node), &self.sight.look())?;
        Ok(())
    }

    /// The counter: the topic itself is where it is kept. So it outlives a crash of this actor; and the process, for
    /// other nodes hold the topic, too.
    fn counter(&self) -> Option<u64> {
        self.hub.value(&COUNTER.at(&self.node))
    }

    /// Whether the counter is known: one that is not here is nowhere. Who begins again and publishes before it has heard
    /// the others would write a younger 0 over the number that they keep.
    fn is_settled(&self) -> bool {
        let reaches_one = || self.hub.nodes().iter().any(|member| member.state == MemberState::Up);
        (reaches_one() && self.hub.has_caught_up()) || Instant::now() >= self.settled_at
    }

    fn add(&self, by: u64) -> Result<u64, String> {
        let kept = self.counter();
        if kept.is_none() && !self.is_settled() {
            return Err(
                "it has just started and has not reached its cluster, so it does not know its number yet: try \
                        again in some seconds"
                    .to_owned(),
            );
        }
        let sum = kept.unwrap_or(0).saturating_add(by);
        let published = self.hub.publish(&COUNTER.at(&self.node), &sum);
        published.map(|_| sum).map_err(|error: PublishError| error.to_string())
    }

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
