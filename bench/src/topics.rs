//! Many topics with a few readers each: broadcasts a second.

use std::{sync::Arc, time::Instant};

use tidings::{Hub, Start, wire::Pattern};

use crate::{ROUNDS, median, payload};

const TOPICS: usize = 10_000;
const READERS: usize = 10;

pub(crate) async fn run() {
    let hub =
        Hub::builder("bench").expect("a plain name").limits(|limits| limits.readers_max = TOPICS * READERS).build();
    let topics: Vec<String> = (0..TOPICS).map(|number| format!("bench/{number}")).collect();
    let mut readers = Vec::new();
    for topic in &topics {
        for _ in 0..READERS {
            let mut reader = hub.reader().expect("inside the limits");
            reader.join(1, vec![(Pattern::new(topic).expect("a plain name"), Start::Now)]);
            readers.push(tokio::spawn(async move {
                let mut batch = Vec::new();
                loop {
                    std::future::poll_fn(|context| reader.poll_read(context, &mut batch)).await;
                    batch.clear();
                }
            }));
        }
    }
    let (payload, mut rates) = (payload(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for (nth, topic) in topics.iter().enumerate() {
            hub.broadcast(topic, payload.clone()).expect("inside the limits");
            if nth % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        rates.push(TOPICS as f64 / began.elapsed().as_secs_f64());
    }
    println!("\n{TOPICS} topics with {READERS} readers each: {:.0} broadcasts/s", median(rates));
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    drop(Arc::new(hub));
}
