//! Servers that come and go, and names that are taken.

mod support;

use std::time::Duration;

use support::Server;
use tidings::{
    Carrier, Delivery, EngineError, Hub, MemberState, Subscription,
    conformance::{Cable, HISTORY, PATIENCE, free_addr},
};
use tidings_nats::{Credentials, Nats, NatsOptions, Tls};
use tokio::time::timeout;

/// Long, where nobody is to be taken for dead.
const LONG: Duration = Duration::from_secs(120);

fn options(servers: &[String]) -> NatsOptions {
    NatsOptions::default().servers(servers).lease(LONG)
}

async fn node(name: &str, options: NatsOptions) -> Hub {
    let hub = Hub::solo(name).unwrap();
    hub.serve(HISTORY);
    hub.connect(Nats::new(options)).await.unwrap();
    hub
}

async fn becomes(hub: &Hub, what: &str, is: impl Fn(&Hub) -> bool) {
    let waits = async {
        while !is(hub) {
            hub.changed().await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what} did not come: {:?}", hub.nodes()));
}

fn up(hub: &Hub) -> usize {
    hub.nodes().iter().filter(|member| member.state == MemberState::Up).count()
}

async fn ready(hub: &Hub, name: &str) -> Subscription {
    let mut subscription = hub.subscribe(HISTORY.at(name).as_str()).unwrap();
    timeout(PATIENCE, subscription.ready()).await.unwrap();
    subscription
}

/// Messages come in order up to this one, and nothing else.
async fn hear(subscription: &mut Subscription, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        match timeout(PATIENCE, subscription.next()).await.expect("a message") {
            Delivery::Message(entry) => assert_eq!(entry.payload.as_ref().unwrap().decode::<u64>().unwrap(), number),
            other => panic!("{number} was expected, and not {other:?}"),
        }
    }
}

/// A cluster of servers, of which one dies. No node is told of a death, and nothing is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_three_dies() {
    let mut servers = Server::three();
    // Each node begins at a server of its own and knows all three.
    let at = |first: usize| {
        let mut urls: Vec<_> = servers.iter().map(Server::url).collect();
        urls.rotate_left(first);
        urls
    };
    let hubs = [
        node("alpha", options(&at(0))).await,
        node("beta", options(&at(1))).await,
        node("gamma", options(&at(2))).await,
    ];
    for hub in &hubs {
        assert_eq!(hub.wait_for_nodes(2, PATIENCE).await, 2);
    }
    let topic = HISTORY.at("three");
    let mut heard = [ready(&hubs[0], "three").await, ready(&hubs[1], "three").await, ready(&hubs[2], "three").await];
    for number in 1..=500 {
        hubs[0].publish(&topic, &number).unwrap();
    }
    servers[1].kill();
    for number in 501..=1_000 {
        hubs[0].publish(&topic, &number).unwrap();
    }
    for heard in &mut heard {
        hear(heard, 1..=1_000).await;
    }
    hubs[1].publish(&topic, &1_001).unwrap();
    for heard in &mut heard {
        hear(heard, 1_001..=1_001).await;
    }
    assert!(hubs.iter().all(|hub| up(hub) == 2), "a server's death is no node's");
}

/// The only server stops and starts again within the lease: readers are told nothing, and get everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_for_a_moment_is_no_verdict() {
    let mut server = Server::alone();
    let hubs = [node("alpha", options(&[server.url()])).await, node("beta", options(&[server.url()])).await];
    assert_eq!(hubs[1].wait_for_nodes(1, PATIENCE).await, 1);
    let mut heard = ready(&hubs[1], "away").await;
    let topic = HISTORY.at("away");
    server.kill();
    for number in 1..=100 {
        hubs[0].publish(&topic, &number).expect("a publish needs no server");
    }
    let _server = Server::start(server.addr, &[]);
    hear(&mut heard, 1..=100).await;
}

/// A node begins before its server does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_may_come_later() {
    let addr = free_addr();
    let early = node("alpha", options(&[addr.to_string()])).await;
    assert_eq!(up(&early), 0);
    let _server = Server::start(addr, &[]);
    let late = node("beta", options(&[addr.to_string()])).await;
    becomes(&early, "beta", |hub| up(hub) == 1).await;
    becomes(&late, "alpha", |hub| up(hub) == 1).await;
}

/// Past the lease a node without its server is alone, and says so; with it, it is one of the cluster again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_lost_the_server_is_alone_until_it_is_back() {
    let server = Server::alone();
    let cable = Cable::to(server.addr).await;
    let short = |addr: String| options(&[addr]).lease(Duration::from_secs(1));
    let hubs = [node("alpha", short(cable.addr().to_string())).await, node("beta", short(server.url())).await];
    for hub in &hubs {
        becomes(hub, "the other one", |hub| up(hub) == 1).await;
    }
    cable.cut();
    for hub in &hubs {
        becomes(hub, "that nobody is there", |hub| up(hub) == 0).await;
    }
    let reason = hubs[0].nodes()[0].reason.clone().unwrap();
    assert!(reason.contains("not connected to the NATS server"), "{reason}");
    let topic = HISTORY.at("cut");
    hubs[0].publish(&topic, &1).unwrap();
    let mut heard = ready(&hubs[1], "cut").await;
    cable.heal();
    hear(&mut heard, 1..=1).await;
}

/// A name is taken while its holder answers, and not for longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_is_taken_while_its_holder_answers() {
    let server = Server::alone();
    let first = node("alpha", options(&[server.url()])).await;
    let second = Hub::solo("alpha").unwrap();
    let refused = second.connect(Nats::new(options(&[server.url()]))).await;
    assert!(matches!(&refused, Err(EngineError::NameTaken { node }) if node.as_str() == "alpha"), "{refused:?}");
    first.leave().await;
    second.connect(Nats::new(options(&[server.url()]))).await.expect("the name is free again");
}

/// Two of one name that could not see each other: when they can, the younger leaves and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_one_name_the_younger_leaves_at_the_heal() {
    let server = Server::alone();
    let cable = Cable::to(server.addr).await;
    let older = node("alpha", options(&[server.url()]).lease(Duration::from_secs(1))).await;
    cable.cut();
    // It finds no server, and so no holder of its name.
    let younger = node("alpha", options(&[cable.addr().to_string()]).lease(Duration::from_secs(1))).await;
    assert!(younger.epoch() > older.epoch());
    cable.heal();
    becomes(&younger, "that its name is taken", Hub::is_taken).await;
    assert!(!older.is_taken());
}

/// `probe` asks the node itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_is_answered_by_who_lives() {
    let server = Server::alone();
    let beta = node("beta", options(&[server.url()])).await;
    let carrier = std::sync::Arc::new(Nats::new(options(&[server.url()])));
    let alpha = Hub::solo("alpha").unwrap();
    alpha.connect(Shared(carrier.clone())).await.unwrap();
    assert!(carrier.probe(beta.node_name()).await);
    assert!(!carrier.probe(&"nobody".parse().unwrap()).await);
    beta.leave().await;
    assert!(!carrier.probe(&"beta".parse().unwrap()).await);
}

/// A carrier that its hub and a test hold.
#[derive(Debug)]
struct Shared(std::sync::Arc<Nats>);

impl Carrier for Shared {
    fn start(&self, me: tidings::Me, inbound: tidings::Inbound) -> tidings::BoxFuture<'_, Result<(), EngineError>> {
        self.0.start(me, inbound)
    }

    fn send(&self, to: &tidings::wire::NodeName, frame: bytes::Bytes) -> Result<(), tidings::SendError> {
        self.0.send(to, frame)
    }

    fn probe(&self, node: &tidings::wire::NodeName) -> tidings::BoxFuture<'_, bool> {
        self.0.probe(node)
    }

    fn stop(&self) -> tidings::BoxFuture<'_, ()> {
        self.0.stop()
    }
}

/// Payloads of a megabyte through a server that takes 64 KiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_larger_than_what_the_server_takes() {
    let folder = support::Folder::new();
    let config = folder.0.join("server.conf");
    std::fs::write(&config, "max_payload: 65536\n").unwrap();
    let server = Server::start(free_addr(), &["--config", config.to_str().unwrap()]);
    let hubs = [node("alpha", options(&[server.url()])).await, node("beta", options(&[server.url()])).await];
    assert_eq!(hubs[1].wait_for_nodes(1, PATIENCE).await, 1);
    let topic = HISTORY.at("large");
    let mut heard = ready(&hubs[1], "large").await;
    let text = "x".repeat(1024 * 1024 - 2);
    for _ in 0..5 {
        hubs[0].broadcast(topic.as_str(), tidings::Payload::of(&text).unwrap()).unwrap();
    }
    for _ in 0..5 {
        match timeout(PATIENCE, heard.next()).await.expect("a message") {
            Delivery::Message(entry) => assert_eq!(entry.payload.as_ref().unwrap().len(), text.len() + 2),
            other => panic!("{other:?}"),
        }
    }
}

/// Clusters of two names on one server do not meet, and a wrong password is an error that says where to look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_another_cluster_or_has_no_password_stays_out() {
    let server = Server::start(free_addr(), &["--user", "tidings", "--pass", "secret"]);
    let known = Credentials::User("tidings".to_owned(), "secret".to_owned());
    let with = |cluster: &str| options(&[server.url()]).cluster(cluster).credentials(known.clone());
    let one = node("alpha", with("one")).await;
    let other = node("alpha", with("other")).await;
    let friend = node("beta", with("one")).await;
    becomes(&one, "beta", |hub| up(hub) == 1).await;
    becomes(&friend, "alpha", |hub| up(hub) == 1).await;
    assert_eq!(other.nodes(), []);
    let stranger = Hub::solo("stranger").unwrap();
    let refused = stranger.connect(Nats::new(options(&[server.url()]))).await.unwrap_err().to_string();
    assert!(refused.contains("`credentials`"), "{refused}");
}

/// A throw-away authority, and what it has signed.
struct Authority {
    folder: support::Folder,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = support::Folder::new();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.0.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.0.join(name).display().to_string()
    }

    fn sign(&self, name: &str) -> Tls {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (pem, key_pem) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&pem, certificate.pem()).unwrap();
        std::fs::write(&key_pem, key.serialize_pem()).unwrap();
        Tls::default().authority(self.path("ca.pem")).certificate(pem, key_pem)
    }
}

/// Each side shows a certificate of the authority; who has another one, or none, stays out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_certificate_stays_out() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    ours.sign("server");
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|name| ours.path(name));
    let args = ["--tls", "--tlscert", &cert, "--tlskey", &key, "--tlsverify", "--tlscacert", &ca];
    let server = Server::start(free_addr(), &args);
    let with = |tls: Option<Tls>| options(&[server.addr.to_string()]).tls(tls);
    let hubs = [node("alpha", with(Some(ours.sign("alpha")))).await, node("beta", with(Some(ours.sign("beta")))).await];
    for hub in &hubs {
        becomes(hub, "the other one", |hub| up(hub) == 1).await;
    }
    let of_nobody = Tls::default().authority(ours.path("ca.pem"));
    for (who, tls) in [("another's", Some(theirs.sign("stranger"))), ("none", Some(of_nobody)), ("no TLS", None)] {
        let stranger = Hub::solo("stranger").unwrap();
        // Refused, or without a connection: in no case one of the cluster.
        if stranger.connect(Nats::new(with(tls))).await.is_ok() {
            assert!(stranger.nodes().is_empty(), "{who}");
        }
    }
    let last = node("gamma", with(Some(ours.sign("gamma")))).await;
    becomes(&last, "the others", |hub| up(hub) == 2).await;
    assert!(hubs.iter().all(|hub| hub.nodes().iter().all(|node| node.node.as_str() != "stranger")));
}
