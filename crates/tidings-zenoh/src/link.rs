//! The way to one address: called until somebody answers, and again when that one is lost.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tidings::{Kin, wire::NodeName};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use zenoh::{qos::CongestionControl, sample::SampleKind};

use crate::{Address, addresses::State, carrier::Node, config, held::Held, hello::Hello, queue::Queue, table::Link};

/// For how long a call may ring.
const CALL_WAIT: Duration = Duration::from_secs(2);

/// For how long an answer at the door is waited for: it may have much to do.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// How often nodes tell each other whom they know.
const HELLO_EACH: Duration = Duration::from_secs(5);

/// The first pause between calls.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest: what a cluster waits, at most, after whatever kept it apart is over.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// What came of a call.
enum Called {
    /// This node itself answers.
    Own,
    /// There is a link to that node already.
    Twice(NodeName),
    /// There was a link, and it has ended.
    Ended(String),
}

/// Calls an address for as long as anybody names it.
pub(crate) async fn keep(node: Arc<Node>, address: Address) {
    let mut pause = PAUSE_MIN;
    while node.addresses.is_wanted(&address) {
        let freed = node.table.freed.notified();
        let began = Instant::now();
        match call(&node, &address).await {
            Ok(Called::Own) => {
                node.is_now(&address, State::Own);
                return;
            }
            Ok(Called::Twice(other)) => {
                node.is_now(&address, State::Linked(other));
                // That link's end, or a while: it may end between the look and this wait.
                let _ = timeout(HELLO_EACH, freed).await;
                continue;
            }
            Ok(Called::Ended(reason)) => {
                tracing::warn!(%address, reason, "a link has ended; calling again");
                node.is_now(&address, State::Trouble(reason));
            }
            Err(reason) => {
                if node.is_now(&address, State::Trouble(reason.clone())) {
                    tracing::info!(%address, reason, "no link yet; calling again, for as long as it takes");
                }
            }
        }
        // What has stood for a while begins anew.
        pause = if began.elapsed() > PAUSE_MAX { PAUSE_MIN } else { (2 * pause).min(PAUSE_MAX) };
        sleep(jittered(pause)).await;
    }
}

/// Between half of it and all of it: nodes that lost each other at once do not call at once.
fn jittered(pause: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness they call at once, which is no harm.
    let _ = getrandom::fill(&mut random);
    pause.mul_f64(0.5 + f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX) / 2.0)
}

/// Calls once: until there is no link, or it has ended.
async fn call(node: &Arc<Node>, address: &Address) -> Result<Called, String> {
    let from = ring(address).await?;
    let config = config::link(&node.options, address.as_str()).map_err(|error| error.to_string())?;
    let opened = timeout(ANSWER_WAIT, zenoh::open(config)).await.map_err(|_| "its door does not open".to_owned())?;
    let opened = opened.map_err(|error| {
        tracing::debug!(%address, %error, "Zenoh opens no session");
        "its door does not open: is it a node, and are secret and certificates the same there?".to_owned()
    })?;
    let session = Held::new(opened);
    let door = node.door_from(from);
    let called = talk(node, address, &session, door).await;
    // A peer that is stopped does not answer to a goodbye.
    if timeout(CALL_WAIT, session.close()).await.is_err() {
        tracing::debug!(%address, "a session was left without a goodbye");
    }
    called
}

/// Whether anybody is there, and from which address of this machine it is called.
async fn ring(address: &Address) -> Result<IpAddr, String> {
    match timeout(CALL_WAIT, TcpStream::connect(address.as_str())).await {
        Ok(Ok(stream)) => stream.local_addr().map(|addr| addr.ip()).map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("nobody answers within {CALL_WAIT:?}: is a firewall between?")),
    }
}

/// Asks who lives there; with whoever is new, stays until the link ends.
async fn talk(node: &Arc<Node>, address: &Address, session: &Held, door: Option<Address>) -> Result<Called, String> {
    let hello = ask(node, session, door.clone()).await?;
    match node.met(&hello) {
        Kin::Other => {}
        Kin::Myself => return Ok(Called::Own),
        Kin::OlderTwin | Kin::YoungerTwin => return Err(format!("another node named {} lives there", hello.node)),
    }
    let Hello { node: name, epoch, .. } = hello;
    if node.table.has(&name, epoch) {
        return Ok(Called::Twice(name));
    }
    let failed = |error: zenoh::Error| format!("the link to {name} could not begin: {error}");
    let alive = session.liveliness().declare_subscriber(node.keys.alive(&name, epoch)).history(true).await;
    let alive = alive.map_err(failed)?;
    let publisher = session
        .declare_publisher(node.keys.frames(&name, epoch, node.me.node.as_str()))
        // The queue drops what is too much, and says so. Zenoh's own way to drop is silent.
        .congestion_control(CongestionControl::Block)
        .await
        .map_err(failed)?;
    match timeout(ANSWER_WAIT, alive.recv_async()).await {
        Ok(Ok(sample)) if sample.kind() == SampleKind::Put => {}
        _ => return Err(format!("{name} is going")),
    }
    let (queue, ended) =
        Queue::begin(publisher).map_err(|error| format!("no thread for the link to {name}: {error}"))?;
    if node.table.add(&name, Link { epoch, queue, ended, session: session.clone() }).is_err() {
        return Ok(Called::Twice(name));
    }
    node.is_now(address, State::Linked(name.clone()));
    tracing::info!(node = %name, epoch, %address, "linked");
    let reason = loop {
        match timeout(HELLO_EACH, alive.recv_async()).await {
            Ok(Ok(sample)) if sample.kind() == SampleKind::Put => {}
            Ok(_) => break "its process has ended, or is not heard any more".to_owned(),
            Err(_) => match ask(node, session, door.clone()).await {
                Ok(hello) if (&hello.node, hello.epoch) == (&name, epoch) => {
                    node.met(&hello);
                }
                Ok(hello) => break format!("{} (epoch {}) lives there now", hello.node, hello.epoch),
                // Slow is not dead: that is Zenoh's to say.
                Err(reason) => tracing::debug!(node = %name, reason, "a hello was not answered"),
            },
        }
    };
    node.table.remove(&name, epoch, &reason);
    Ok(Called::Ended(format!("{name}: {reason}")))
}

/// Says hello; what comes back.
pub(crate) async fn ask(node: &Node, session: &Held, door: Option<Address>) -> Result<Hello, String> {
    let replies = session.get(node.keys.hello()).payload(node.hello(door).encode()).timeout(ANSWER_WAIT).await;
    let replies = replies.map_err(|error| format!("it could not be asked: {error}"))?;
    let Ok(reply) = replies.recv_async().await else {
        let cluster = &node.options.cluster;
        return Err(format!("nobody of the cluster `{cluster}` lives there"));
    };
    match reply.result() {
        Ok(sample) => {
            Hello::decode(&sample.payload().to_bytes()).map_err(|error| format!("its hello is none: {error}"))
        }
        Err(_) => Err("it does not answer in time".to_owned()),
    }
}
