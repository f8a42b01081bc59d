//! One reader of ten thousand that never polls: it costs nobody anything, and itself a gap.
//!
//! What can be asserted on any machine: bytes held, and what everyone was told. Memory of the process and latency are
//! measured by `cargo run --release -p bench stalled`.

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use support::{Said, hub_with, joined, messages, name, number, publish, read_up_to_here, said, said_of_topics, within};
use tidings::{Delivery, Hub, Start, wire::event::GapCause};
use tokio::sync::Notify;

const READERS: u64 = 10_000;

/// Messages that are published before all readers but the stalled one have to have them.
const BURST: u64 = 100;

const BURSTS: u64 = 30;

/// A small budget, so that what the stalled reader leaves unread would not fit many times over.
const BYTES_MAX: usize = 100_000;

/// How many readers have everything up to the end of a burst.
#[derive(Default)]
struct Told {
    readers: AtomicU64,
    all: Notify,
}

/// A reader as a task: it fails on anything but the next message.
fn read_all(hub: &Hub, told: &Arc<Told>) -> tokio::task::JoinHandle<()> {
    let (mut subscription, told) = (hub.subscribe("history/a").unwrap(), told.clone());
    tokio::spawn(async move {
        for stamp in 1..=BURSTS * BURST {
            match subscription.next().await {
                Delivery::Message(entry) => assert_eq!(entry.stamp, stamp),
                other => panic!("only the stalled reader loses: {other:?}"),
            }
            if stamp % BURST == 0 && told.readers.fetch_add(1, Ordering::AcqRel) + 1 == READERS - 1 {
                told.all.notify_one();
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_among_ten_thousand_costs_only_itself() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = BYTES_MAX);
    let (mut stalled, _) = joined(&hub, &["history/a"], &Start::Now).await;
    let told = Arc::new(Told::default());
    let others: Vec<_> = (1..READERS).map(|_| read_all(&hub, &told)).collect();
    let mut most = 0;
    for burst in 0..BURSTS {
        told.readers.store(0, Ordering::Release);
        for value in burst * BURST..(burst + 1) * BURST {
            hub.broadcast("history/a", number(value)).unwrap();
            most = most.max(hub.info().held_bytes);
        }
        within(told.all.notified()).await;
    }
    for other in others {
        other.await.expect("every message, in order, and no gap");
    }
    assert!(most <= BYTES_MAX, "{most} bytes were held");

    let published = BURSTS * BURST;
    let held = hub.snapshot(&name("history/a"), usize::MAX).entries.len() as u64;
    assert!((1..published / 10).contains(&held), "the ring has let go of most: {held} are left");
    let gap = vec![Said::Gap("history/a".into(), GapCause::Slow)];
    let newest = messages("history/a", published - held..published);
    assert_eq!(said_of_topics(&read_up_to_here(&mut stalled).await), [gap, newest].concat());
    let [info] = &hub.topics()[..] else { panic!("one topic") };
    assert_eq!((info.gaps, info.delivered), (1, (READERS - 1) * published + held));

    // It goes on like everyone else.
    publish(&hub, "history/a", [7]);
    assert_eq!(said(&read_up_to_here(&mut stalled).await), messages("history/a", [7]));
}
