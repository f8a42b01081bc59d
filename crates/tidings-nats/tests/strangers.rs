//! What others write to a cluster's subjects is dropped, and does no harm.

mod support;

use support::Server;
use tidings::{
    Delivery, Hub,
    conformance::{HISTORY, PATIENCE},
};
use tidings_nats::{Nats, NatsOptions};
use tokio::time::timeout;

/// Every subject of a node, and bytes that are nothing, or nearly something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_messages_are_dropped() {
    let server = Server::alone();
    let options = NatsOptions::default().servers([server.url()]);
    let hubs = [Hub::solo("alpha").unwrap(), Hub::solo("beta").unwrap()];
    for hub in &hubs {
        hub.serve(HISTORY);
        hub.connect(Nats::new(options.clone())).await.unwrap();
    }
    assert_eq!(hubs[1].wait_for_nodes(1, PATIENCE).await, 1);
    let topic = HISTORY.at("strangers");
    let mut heard = hubs[1].subscribe(topic.as_str()).unwrap();
    timeout(PATIENCE, heard.ready()).await.unwrap();

    let stranger = async_nats::connect(server.url()).await.unwrap();
    let frames = format!("tidings.tidings.frames.beta.{}", hubs[1].epoch());
    let head = |kind: u8| [&[1, kind, 5][..], b"alpha", &hubs[0].epoch().to_be_bytes()].concat();
    let piece = |place: u16, count: u16, bytes: &[u8]| {
        [&head(0)[..], &7_u64.to_be_bytes(), &place.to_be_bytes(), &count.to_be_bytes(), bytes].concat()
    };
    let hostile = [
        Vec::new(),
        vec![1],
        vec![9; 100],
        vec![1, 0, 255, 255],
        head(0),
        head(1),
        head(77),
        piece(0, 0, b"x"),
        piece(5, 3, b"x"),
        piece(0, 65_535, &[0; 1_000]),
        piece(0, 1, b"a frame of alpha's that is none"),
        br#"{"node":"../..","epoch":1}"#.to_vec(),
        br#"{"node":"beta","epoch":"x"}"#.to_vec(),
        vec![b'['; 100_000],
    ];
    for bytes in &hostile {
        for subject in [&frames, "tidings.tidings.alive", "tidings.tidings.hello.beta"] {
            stranger.publish(subject.to_owned(), bytes.clone().into()).await.unwrap();
        }
    }
    stranger.flush().await.unwrap();

    for number in 1..=100 {
        hubs[0].publish(&topic, &number).unwrap();
    }
    for number in 1..=100 {
        match timeout(PATIENCE, heard.next()).await.expect("a message") {
            Delivery::Message(entry) => assert_eq!(entry.payload.as_ref().unwrap().decode::<u64>().unwrap(), number),
            other => panic!("{number} was expected, and not {other:?}"),
        }
    }
    assert_eq!(hubs[1].frames_refused(), 1, "what came whole in alpha's name");
}
