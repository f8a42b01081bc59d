//! A herd: all readers of a node that stops come back at once, to another one.

use std::{collections::BTreeMap, time::Duration};

use tidings::{
    Hub,
    testing::Mesh,
    wire::event::{Bye, Event},
};
use tidings_axum::{LiveOptions, Secret};

use crate::support::{Client, Site, hold};

const HERD: usize = 5_000;

/// The time over which a stopping node spreads its readers, and into how many parts it is looked at.
const SPREAD: Duration = Duration::from_secs(2);
const PARTS: u32 = 20;

async fn open(site: &Site, after: Option<&str>) -> Client {
    site.open(1, vec![hold("demo/log", after)]).await
}

#[tokio::test]
async fn five_thousand_come_back_spread_and_get_what_they_lack_from_memory() {
    let mesh = Mesh::default();
    let options = || LiveOptions::default().return_spread(SPREAD).secret(Some(Secret::from_text("of both nodes")));
    let (alpha, beta) = (Hub::solo("alpha").unwrap(), Hub::solo("beta").unwrap());
    let (alpha, beta) = (Site::of(alpha, options()), Site::of(beta, options()));
    alpha.hub.connect(mesh.carrier()).await.unwrap();
    beta.hub.connect(mesh.carrier()).await.unwrap();
    assert_eq!(beta.hub.wait_for_nodes(1, Duration::from_secs(30)).await, 1);

    alpha.say("before");
    let mut herd = Vec::with_capacity(HERD);
    for _ in 0..HERD {
        let mut client = open(&alpha, None).await;
        client.until("joined 1 live 1 refused 0").await;
        herd.push(client);
    }
    assert_eq!(alpha.live.open_streams(), HERD);
    alpha.live.drain();
    let (mut parts, mut cursors) = (BTreeMap::<u32, usize>::new(), Vec::with_capacity(HERD));
    for mut client in herd {
        let Event::Bye(Bye { retry_ms }) = client.event().await else { panic!("a goodbye") };
        assert!(u128::from(retry_ms) < SPREAD.as_millis());
        *parts.entry(retry_ms * PARTS / SPREAD.as_millis() as u32).or_default() += 1;
        cursors.push(client.last_id());
    }
    // A page adds its own jitter to this; without any, the next node has an even load.
    assert_eq!(parts.len(), PARTS as usize, "{parts:?}");
    assert!(parts.values().all(|part| *part == HERD / PARTS as usize), "{parts:?}");
    assert_eq!(alpha.live.open_streams(), 0);

    // More than a page lacks when it is back at once, and fewer than the eight that are kept.
    let missed = ["one", "two", "three", "four", "five"];
    missed.iter().for_each(|text| alpha.say(text));
    let published = |site: &Site| site.hub.info().events.published;
    while published(&beta) < published(&alpha) {
        beta.hub.changed().await;
    }
    let memory = |site: &Site| {
        let info = site.hub.info();
        (info.index, info.held_bytes, info.events.published)
    };
    let before = memory(&beta);
    for cursor in &cursors {
        let mut client = open(&beta, Some(cursor)).await;
        let told = client.until("joined 1 live 1 refused 0").await;
        let wanted: Vec<_> = missed.iter().map(|text| format!("{text:?}")).collect();
        assert_eq!(told[2..told.len() - 1], wanted, "each once, and no gap");
    }
    // What they lacked lay in the rings: nothing came to them, and nothing went.
    assert_eq!(memory(&beta), before);
}
