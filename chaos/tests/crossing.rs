//! Everything crosses from process to process: Phoenix's cases, and what is kept. On this machine's loopback.

use std::path::PathBuf;

use chaos::{
    process::Process,
    protocol::{How, Order, Told},
};
use tidings::conformance::free_addr;

/// Three nodes, each a process, that see each other.
async fn three(name: &str) -> [Process; 3] {
    let doors = [free_addr(), free_addr(), free_addr()];
    let peers = format!("--peers={}", doors.map(|door| door.to_string()).join(","));
    let mut nodes = ["alpha", "beta", "gamma"].into_iter().zip(doors).map(|(node, door)| {
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("crossing-{name}-{node}.log"));
        let arguments = [format!("--listen={door}"), peers.clone(), "--lease-ms=60000".to_owned()];
        Process::start(env!("CARGO_BIN_EXE_chaos").as_ref(), None, node, &arguments, &log)
    });
    let mut nodes = std::array::from_fn(|_| nodes.next().expect("three"));
    for node in &mut nodes {
        meet(node).await;
    }
    nodes
}

/// Waits until a node sees two others, and has what they have.
async fn meet(node: &mut Process) {
    node.ready().await;
    loop {
        let from = node.told().len();
        let standing = node.stands().await;
        if standing.up.len() == 2 && standing.caught_up {
            return;
        }
        // It tells when a node comes; that it has caught up it does not.
        let news = |told: &Told| matches!(told, Told::Member { .. }).then_some(());
        let _ = tokio::time::timeout(std::time::Duration::from_millis(100), node.until(from, "news", news)).await;
    }
}

async fn listen(node: &mut Process, reader: u32, topic: &str, after: Option<String>, excluding: Option<&str>) {
    let from = node.told().len();
    let excluding = excluding.map(str::to_owned);
    node.order(&Order::Listen { reader, topic: topic.to_owned(), after, excluding }).await;
    let listening = |told: &Told| matches!(told, Told::Listening { reader: is } if *is == reader).then_some(());
    node.until(from, "a reader", listening).await;
}

async fn say(node: &mut Process, topic: &str, number: u64, how: How) -> Option<String> {
    let from = node.told().len();
    node.order(&Order::Say { topic: topic.to_owned(), number, how }).await;
    node.until(from, "an answer", |told| match told {
        Told::Said { error } => Some(error.clone()),
        _ => None,
    })
    .await
}

async fn cursor(node: &mut Process) -> String {
    let from = node.told().len();
    node.order(&Order::Cursor).await;
    node.until(from, "a cursor", |told| match told {
        Told::Cursor(cursor) => Some(cursor.clone()),
        _ => None,
    })
    .await
}

/// Waits until a reader was handed its last number; says all that it was handed.
async fn reads(node: &mut Process, reader: u32, last: u64) -> Vec<u64> {
    let is_last = |told: &Told| matches!(told, Told::Read { reader: is, number } if (*is, *number) == (reader, last));
    node.until(0, &format!("number {last}"), |told| is_last(told).then_some(())).await;
    let read = |told: &Told| match told {
        Told::Read { reader: is, number } if *is == reader => Some(*number),
        Told::ReadGap { reader: is, cause } if *is == reader => panic!("a gap: {cause}"),
        _ => None,
    };
    node.told().iter().filter_map(read).collect()
}

/// Broadcast, from a sender, to a node, and on a node alone.
#[tokio::test]
async fn each_way_to_publish() {
    let mut nodes = three("ways").await;
    for node in &mut nodes {
        listen(node, 1, "news", None, None).await;
        listen(node, 2, "news", None, Some("me")).await;
    }
    let [alpha, beta, gamma] = &mut nodes;
    assert_eq!(say(alpha, "news", 1, How::Broadcast).await, None);
    assert_eq!(say(alpha, "news", 2, How::From("me".to_owned())).await, None);
    assert_eq!(say(alpha, "news", 3, How::Local).await, None);
    assert_eq!(say(alpha, "news", 4, How::Direct("beta".to_owned())).await, None);
    let error = say(alpha, "news", 5, How::Direct("nobody".to_owned())).await;
    assert!(error.is_some_and(|error| error.contains("nobody")));
    assert_eq!(say(alpha, "news", 6, How::Broadcast).await, None);
    assert_eq!(reads(alpha, 1, 6).await, [1, 2, 3, 6]);
    // A direct message overtakes nothing that went before it, and what comes behind may overtake it.
    let mut at_beta = reads(beta, 1, 6).await;
    if !at_beta.contains(&4) {
        at_beta = reads(beta, 1, 4).await;
    }
    at_beta.sort_unstable();
    assert_eq!(at_beta, [1, 2, 4, 6]);
    assert_eq!(reads(gamma, 1, 6).await, [1, 2, 6]);
    assert_eq!(reads(gamma, 2, 6).await, [1, 6], "the sender's own is left out on every node");
}

/// A node that comes later holds values and history, and a reader goes on there from the cursor of another node.
#[tokio::test]
async fn who_moves_goes_on_where_it_was() {
    let mut nodes = three("moves").await;
    let topic = "chaos/numbers/shared/1";
    let [alpha, beta, gamma] = &mut nodes;
    for number in 1..=3 {
        assert_eq!(say(alpha, topic, number, How::Broadcast).await, None);
    }
    listen(beta, 1, topic, None, None).await;
    assert_eq!(say(alpha, topic, 4, How::Broadcast).await, None);
    // What was still on its way when the reader began is its, too.
    let at_beta = reads(beta, 1, 4).await;
    assert_eq!(at_beta, (5 - at_beta.len() as u64..=4).collect::<Vec<_>>());
    let place = cursor(beta).await;
    assert_eq!(say(beta, topic, 5, How::Broadcast).await, None);
    assert_eq!(say(alpha, topic, 6, How::Broadcast).await, None);
    listen(gamma, 1, topic, Some(place.clone()), None).await;
    let mut at_gamma = reads(gamma, 1, 6).await;
    if !at_gamma.contains(&5) {
        at_gamma = reads(gamma, 1, 5).await;
    }
    at_gamma.sort_unstable();
    assert_eq!(at_gamma, [5, 6], "each once");
    // A cursor that is ahead of its node waits for it.
    assert_eq!(say(gamma, topic, 7, How::Broadcast).await, None);
    let ahead = cursor(gamma).await;
    listen(alpha, 1, topic, Some(ahead), None).await;
    assert_eq!(say(gamma, topic, 8, How::Broadcast).await, None);
    assert_eq!(reads(alpha, 1, 8).await, [8]);
}
