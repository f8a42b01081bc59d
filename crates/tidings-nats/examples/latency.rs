//! How long a message takes from one node to another through a NATS server, and how many pass, beside the bare client.
//!
//! `cargo run --release -p tidings-nats --example latency -- nats://127.0.0.1:4222`

#![expect(clippy::print_stdout, reason = "it is a program that tells figures")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use tidings::{
    Delivery, Hub, Payload,
    wire::{Events, topics},
};
use tidings_nats::{Nats, NatsOptions};

topics! {
    /// A history as long as a burst.
    pub LOG(name: String): Events<u64> = "latency/{name}" keep 200_000, "1h";
}

/// Messages one by one, each after the one before has come.
const SINGLE: usize = 5_000;

/// Messages as fast as they go.
const BURST: u64 = 200_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    bare(&server).await?;
    hubs(&server).await
}

async fn bare(server: &str) -> Result<(), Box<dyn Error>> {
    let (from, to) = (async_nats::connect(server).await?, async_nats::connect(server).await?);
    let mut heard = to.subscribe("latency").await?;
    to.flush().await?;
    let mut times = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let began = Instant::now();
        from.publish("latency", "12345678".into()).await?;
        heard.next().await.ok_or("the server has ended")?;
        times.push(began.elapsed());
    }
    tell("client", &mut times);
    let began = Instant::now();
    let publisher = tokio::spawn(async move {
        for _ in 0..BURST {
            from.publish("latency", "12345678".into()).await?;
        }
        from.flush().await.map_err(Box::<dyn Error + Send + Sync>::from)
    });
    for _ in 0..BURST {
        heard.next().await.ok_or("the server has ended")?;
    }
    println!("client: {:.0} messages/s", BURST as f64 / began.elapsed().as_secs_f64());
    publisher.await?.map_err(|error| error.to_string())?;
    Ok(())
}

async fn hubs(server: &str) -> Result<(), Box<dyn Error>> {
    let mut hubs = Vec::new();
    for name in ["alpha", "beta"] {
        let hub = Hub::solo(name)?;
        hub.serve(LOG);
        hub.connect(Nats::new(NatsOptions::default().servers([server]).cluster("latency"))).await?;
        hubs.push(hub);
    }
    if hubs[1].wait_for_nodes(1, Duration::from_secs(10)).await == 0 {
        return Err("the nodes do not find each other".into());
    }
    let mut heard = hubs[1].subscribe("latency/single")?;
    heard.ready().await;
    let mut times = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let began = Instant::now();
        hubs[0].broadcast("latency/single", Payload::from_json("12345678")?)?;
        let Delivery::Message(_) = heard.next().await else { return Err("a gap".into()) };
        times.push(began.elapsed());
    }
    tell("hub", &mut times);
    let topic = LOG.at("burst");
    let mut heard = hubs[1].subscribe(topic.as_str())?;
    heard.ready().await;
    let began = Instant::now();
    let publisher = hubs[0].clone();
    let published = tokio::task::spawn_blocking(move || {
        (0..BURST).try_for_each(|number| publisher.publish(&LOG.at("burst"), &number).map(drop))
    });
    let mut gaps = 0;
    loop {
        match heard.next().await {
            Delivery::Message(entry) if entry.payload.as_ref().is_some_and(|payload| payload.as_str() == "199999") => {
                break;
            }
            Delivery::Message(_) => {}
            _ => gaps += 1,
        }
    }
    println!("hub: {:.0} messages/s, {gaps} gaps", BURST as f64 / began.elapsed().as_secs_f64());
    published.await??;
    for hub in hubs {
        hub.leave().await;
    }
    Ok(())
}

fn tell(who: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    println!("{who}: p50 {:?}, p99 {:?}", at(50), at(99));
}
