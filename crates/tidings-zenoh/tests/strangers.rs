//! Who has no business in the cluster stays out, and what is no frame does no harm.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use tidings::{Delivery, Hub, MemberState, Payload, conformance::free_addr};
use tidings_zenoh::{Discovery, Tls, Zenoh, ZenohOptions};

const PATIENCE: Duration = Duration::from_secs(30);

/// How many times a stranger is let call before it counts as kept out: each time at a node that answers others.
const CALLS: usize = 3;

fn options(listen: SocketAddr, peers: &[SocketAddr]) -> ZenohOptions {
    let peers: Vec<_> = peers.iter().map(ToString::to_string).collect();
    ZenohOptions::default().listen(listen).discover(Discovery::addresses(peers.iter().map(String::as_str)).unwrap())
}

async fn start(name: &str, options: ZenohOptions) -> Hub {
    let hub = Hub::solo(name).unwrap();
    hub.connect(Zenoh::new(options)).await.unwrap();
    hub
}

async fn sees(hub: &Hub, count: usize) {
    assert_eq!(hub.wait_for_nodes(count, PATIENCE).await, count, "{}: {:?}", hub.node_name(), hub.nodes());
}

/// A stranger calls, and calls again; those inside meet in the meantime, and see nobody else.
async fn stays_out(stranger: ZenohOptions, inside: [(&str, ZenohOptions); 2]) {
    let stranger = start("mallory", stranger).await;
    let mut hubs = Vec::new();
    for (name, options) in inside {
        hubs.push(start(name, options).await);
    }
    for hub in &hubs {
        sees(hub, 1).await;
    }
    for _ in 0..CALLS {
        // As long as a pause between calls is.
        stranger.wait_for_nodes(1, Duration::from_secs(1)).await;
    }
    for hub in &hubs {
        let names: Vec<_> = hub.nodes().iter().map(|member| member.node.to_string()).collect();
        assert!(!names.contains(&"mallory".to_owned()), "{names:?}");
    }
    assert!(stranger.nodes().is_empty(), "{:?}", stranger.nodes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_secret_stays_out() {
    for wrong in [None, Some("swordfisi".to_owned())] {
        let (a, b, m) = (free_addr(), free_addr(), free_addr());
        let knows = |listen, peer| options(listen, &[peer, m]).secret(Some("swordfish".to_owned()));
        stays_out(options(m, &[a, b]).secret(wrong), [("alpha", knows(a, b)), ("beta", knows(b, a))]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_certificate_of_the_authority_stays_out() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (a, b, m) = (free_addr(), free_addr(), free_addr());
    let inside = |name, listen, peer| options(listen, &[peer, m]).tls(Some(ours.certificate(name)));
    let theirs = theirs.certificate("mallory");
    // It trusts ours, so that it is the door that has to say no.
    let stranger = Tls { authority: ours.certificate("any").authority, ..theirs };
    stays_out(
        options(m, &[a, b]).tls(Some(stranger)),
        [("alpha", inside("alpha", a, b)), ("beta", inside("beta", b, a))],
    )
    .await;
}

/// A certificate's folder, and who signs it.
struct Authority {
    folder: PathBuf,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    fn certificate(&self, name: &str) -> Tls {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (certificate_path, key_path) =
            (self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}.key")));
        std::fs::write(&certificate_path, certificate.pem()).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        Tls { authority: self.folder.join("ca.pem"), certificate: certificate_path, key: key_path }
    }
}

/// Somebody with Zenoh, at a door.
async fn stranger(door: SocketAddr) -> zenoh::Session {
    let mut config = zenoh::Config::default();
    config.insert_json5("mode", r#""client""#).unwrap();
    config.insert_json5("connect/endpoints", &format!(r#"["tcp/{door}"]"#)).unwrap();
    config.insert_json5("scouting/multicast/enabled", "false").unwrap();
    zenoh::open(config).await.unwrap()
}

/// A frame of these bytes, with its head.
fn sealed(body: &[u8]) -> Vec<u8> {
    [&[0xB7, 1][..], &crc32fast::hash(body).to_le_bytes(), body].concat()
}

/// Whoever reaches an open door may send what it likes. It is counted, and costs nobody its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_does_no_harm() {
    let (a, b) = (free_addr(), free_addr());
    let (alpha, beta) = (start("alpha", options(a, &[b])).await, start("beta", options(b, &[a])).await);
    sees(&alpha, 1).await;
    sees(&beta, 1).await;
    let stranger = stranger(a).await;
    let frames = |from: &str| format!("tidings/tidings/frames/alpha/{}/{from}", alpha.epoch());
    // Nothing, noise, a frame's first byte, and a frame of a kind that no build knows.
    let kind = sealed(&[4, b'b', b'e', b't', b'a', 0, 99]);
    for (from, bytes) in [("beta", &b""[..]), ("beta", b"GET / HTTP/1.1"), ("nobody", &[0xB7, 1]), ("beta", &kind)] {
        stranger.put(frames(from), bytes).await.unwrap();
    }
    // A frame in another's name.
    stranger.put(frames("gamma"), sealed(&[4, b'b', b'e', b't', b'a', 0, 6, 0])).await.unwrap();
    // Asked for its name with what is no name.
    let replies = stranger.get("tidings/tidings/hello").payload("{").timeout(PATIENCE).await.unwrap();
    assert!(replies.recv_async().await.is_err(), "it is not answered");
    let counted = async {
        while alpha.frames_refused() < 5 {
            alpha.changed().await;
        }
    };
    tokio::time::timeout(PATIENCE, counted).await.unwrap();
    assert_eq!(alpha.frames_refused(), 5);
    assert_eq!(alpha.nodes()[0].state, MemberState::Up, "beta keeps its place");
    let mut subscription = alpha.subscribe("news").unwrap();
    subscription.ready().await;
    beta.broadcast("news", Payload::of(&1).unwrap()).unwrap();
    let next = tokio::time::timeout(PATIENCE, subscription.next()).await.unwrap();
    assert!(matches!(next, Delivery::Message(_)), "{next:?}");
}

/// A stranger claims to be an older node of this one's name. It is called back, and nobody answers: the name stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_to_a_name_is_not_believed() {
    let (a, b) = (free_addr(), free_addr());
    let (alpha, beta) = (start("alpha", options(a, &[b])).await, start("beta", options(b, &[a])).await);
    sees(&alpha, 1).await;
    sees(&beta, 1).await;
    let stranger = stranger(a).await;
    let nowhere = free_addr();
    let claim = format!(r#"{{"node":"alpha","epoch":1,"door":"{nowhere}"}}"#);
    let replies = stranger.get("tidings/tidings/hello").payload(claim).timeout(PATIENCE).await.unwrap();
    assert!(replies.recv_async().await.is_ok(), "it is answered, so that an honest twin learns of this one");
    // While others go on.
    let mut subscription = alpha.subscribe("news").unwrap();
    subscription.ready().await;
    for number in 1..=3 {
        beta.broadcast("news", Payload::of(&number).unwrap()).unwrap();
        let next = tokio::time::timeout(PATIENCE, subscription.next()).await.unwrap();
        assert!(matches!(next, Delivery::Message(_)), "{next:?}");
    }
    assert!(!alpha.is_taken());
}
