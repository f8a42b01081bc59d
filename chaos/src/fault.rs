//! What goes wrong, and how it is done.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::sleep;

use crate::cluster::{Cluster, Engine, FIRST_SERVER};

/// How long a fault lasts: some are longer than a node's lease of 1.5 s.
const FAULT_MS: std::ops::Range<u64> = 300..3_000;

/// Longer than the lease, so that the others take who is frozen for dead.
const FREEZE: Duration = Duration::from_millis(2_500);

/// How wrong a clock is.
const HOUR_MS: i64 = 3_600_000;

/// What goes wrong. Hosts are numbers: nodes' from 0, NATS servers' from [`FIRST_SERVER`]. Servers have numbers of their
/// own, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A node is killed, and starts again with its name.
    Kill(usize),
    /// A node is stopped in its tracks for longer than its lease, and goes on.
    Freeze(usize),
    /// A host's cable is pulled.
    Unplug(usize),
    /// Nothing goes from one host to another.
    OneWay(usize, usize),
    /// Nothing goes between two hosts.
    Part(usize, usize),
    /// One more node joins under load, and leaves again.
    Visitor,
    /// All nodes leave in order and start again, one after the other.
    Rolling,
    /// A node starts again with a clock that is wrong by so many milliseconds.
    Clock(usize, i64),
    /// A NATS server is killed, and starts again with its files.
    Server(usize),
    /// A NATS server is stopped in its tracks for longer than the nodes' lease, and goes on.
    FreezeServer(usize),
    /// All NATS servers are killed at once, and start again with their files.
    Servers,
    /// All nodes leave, all NATS servers are killed, and all start again: what was kept is there.
    Everything,
}

impl Cluster {
    /// Between how long a fault takes.
    async fn a_while(&mut self) {
        let while_ms = self.random.u64(FAULT_MS);
        sleep(Duration::from_millis(while_ms)).await;
    }

    /// Any fault, on any hosts.
    pub fn any_fault(&mut self) -> Fault {
        let host = self.random.usize(0..3);
        let other = match self.engine {
            Engine::Zenoh => (host + self.random.usize(1..3)) % 3,
            // Nodes have nothing to do with each other but through servers.
            Engine::Nats { servers } => FIRST_SERVER + self.random.usize(0..servers),
        };
        let kinds = match self.engine {
            Engine::Zenoh => 8,
            Engine::Nats { .. } => 13,
        };
        let server = other.saturating_sub(FIRST_SERVER);
        match self.random.u8(0..kinds) {
            0 => Fault::Kill(host),
            1 => Fault::Freeze(host),
            2 => Fault::Unplug(host),
            3 => Fault::OneWay(host, other),
            4 => Fault::Part(host, other),
            5 => Fault::Visitor,
            6 => Fault::Rolling,
            7 => Fault::Clock(host, if self.random.bool() { HOUR_MS } else { -HOUR_MS }),
            8 => Fault::Server(server),
            9 => Fault::FreezeServer(server),
            10 => Fault::Servers,
            11 => Fault::Everything,
            _ => {
                // What two servers keep from each other; of one alone, what reaches nobody.
                let servers = self.servers.len();
                match (server + self.random.usize(1..3)) % servers {
                    second if second != server => Fault::Part(other, FIRST_SERVER + second),
                    _ => Fault::Unplug(other),
                }
            }
        }
    }

    /// Has something go wrong, and heal.
    pub async fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(host) => {
                self.kill(host).await;
                self.a_while().await;
                self.begin(host, 0).await;
            }
            Fault::Freeze(host) => {
                self.freeze(host);
                sleep(FREEZE).await;
                self.thaw(host);
            }
            Fault::Unplug(host) => {
                self.net.cable(host, false);
                self.a_while().await;
                self.net.cable(host, true);
            }
            Fault::OneWay(from, to) => {
                self.net.block(from, to);
                self.a_while().await;
                self.net.unblock(from, to);
            }
            Fault::Part(a, b) => {
                self.net.block(a, b);
                self.net.block(b, a);
                self.a_while().await;
                self.net.unblock(a, b);
                self.net.unblock(b, a);
            }
            Fault::Visitor => {
                self.begin(3, 0).await;
                self.a_while().await;
                if self.random.bool() { self.leave(3).await } else { self.kill(3).await }
            }
            Fault::Rolling => {
                for host in 0..3 {
                    self.leave(host).await;
                    self.begin(host, 0).await;
                }
            }
            Fault::Clock(host, clock_ms) => {
                self.leave(host).await;
                self.begin(host, clock_ms).await;
            }
            Fault::Server(nth) => {
                self.servers[nth].kill().await;
                self.a_while().await;
                self.servers[nth].start().await;
                self.servers[nth].ready().await;
            }
            Fault::FreezeServer(nth) => {
                self.servers[nth].freeze();
                sleep(FREEZE).await;
                self.servers[nth].thaw();
            }
            Fault::Servers => self.restart_servers().await,
            Fault::Everything => self.everything_stops().await,
        }
    }

    async fn restart_servers(&mut self) {
        for server in &mut self.servers {
            server.kill().await;
        }
        self.a_while().await;
        self.start_servers().await;
    }

    /// Nobody is there for a moment, and each node begins with the values that all had.
    async fn everything_stops(&mut self) {
        self.a_while().await;
        self.settle().await;
        // A node that leaves waits for five seconds, and a write that went with a server is tried again after ten.
        self.written().await;
        let before = self.values(0).await;
        for host in 0..3 {
            self.leave(host).await;
        }
        self.restart_servers().await;
        // Quiet, so that nobody writes before it is asked.
        let mut after = BTreeMap::new();
        for host in 0..3 {
            self.begin_quiet(host, 0).await;
            after.insert(host, self.values(host).await);
        }
        for (host, values) in after {
            assert_eq!(values, before, "host {host} has other values than there were before all stopped");
        }
        self.load().await;
    }
}
