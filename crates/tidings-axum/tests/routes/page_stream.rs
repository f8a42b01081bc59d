//! A page's stream: topics come and go on it, calls overtake each other, cuts lose nothing.

use crate::support::{Client, Site, VALUE, error_code, hold, page_id};
use http::StatusCode;
use tidings::{
    Principal,
    wire::{TopicName, event::Event, live::Change},
};
use tidings_axum::LiveOptions;

fn name(topic: &str) -> TopicName {
    TopicName::new(topic).unwrap()
}

#[tokio::test]
async fn one_stream_carries_topics_that_come_and_go() {
    let site = Site::new();
    site.say("before");
    let mut client = site.open(1, vec![hold("demo/log", None)]).await;
    let page = page_id(&mut client).await;
    assert_eq!(
        client.until("joined 1 live 1 refused 0").await,
        ["joining 1", "\"before\"", "joined 1 live 1 refused 0"]
    );
    site.hub.publish(&VALUE.at(), &1).unwrap();
    let change = Change {
        page: page.clone(),
        call: 2,
        hold: vec![hold("demo/value", None)],
        release: vec![],
        ..Change::default()
    };
    assert_eq!(site.change(&change).await, StatusCode::ACCEPTED);
    assert_eq!(
        client.until("joined 2 live 1 refused 0").await,
        ["joining 2", "snapshot 1", "joined 2 live 1 refused 0"]
    );
    site.hub.publish(&VALUE.at(), &2).unwrap();
    site.say("both");
    assert_eq!(client.until("\"both\"").await, ["2", "\"both\""]);
    let change = Change { page, call: 3, hold: vec![], release: vec![name("demo/log").into()], ..Change::default() };
    assert_eq!(site.change(&change).await, StatusCode::ACCEPTED);
    client.until("joined 3 live 0 refused 0").await;
    site.say("unheard");
    site.hub.publish(&VALUE.at(), &3).unwrap();
    assert_eq!(client.until("3").await, ["3"]);
    assert_eq!(site.hub.readers(&name("demo/log")), 0);
}

#[tokio::test]
async fn an_older_call_that_arrives_late_changes_nothing() {
    let site = Site::new();
    let mut client = site.open(1, vec![]).await;
    let page = page_id(&mut client).await;
    client.until("joined 1 live 0 refused 0").await;
    let log = || vec![name("demo/log").into()];
    // Held by call 2, let go by call 3; 3 arrives first.
    let change = |call, hold, release| Change { page: page.clone(), call, hold, release, ..Change::default() };
    assert_eq!(site.change(&change(3, vec![], log())).await, StatusCode::ACCEPTED);
    assert_eq!(site.change(&change(2, vec![hold("demo/log", None)], vec![])).await, StatusCode::ACCEPTED);
    client.until("joined 2 live 0 refused 0").await;
    assert_eq!(site.hub.readers(&name("demo/log")), 0);
    assert_eq!(site.change(&change(4, vec![hold("demo/log", None)], vec![])).await, StatusCode::ACCEPTED);
    client.until("joined 4 live 1 refused 0").await;
    assert_eq!(site.hub.readers(&name("demo/log")), 1);
}

#[tokio::test]
async fn what_may_not_be_read_is_refused_and_the_rest_is_live() {
    let site = Site::new();
    let mut client = site.open(1, vec![hold("demo/secret", None), hold("demo/log", None), hold("no/such", None)]).await;
    page_id(&mut client).await;
    client.until("joined 1 live 1 refused 2").await;
    assert_eq!(site.hub.readers(&name("demo/secret")), 0);
}

#[tokio::test]
async fn a_cut_stream_goes_on_where_it_was() {
    let site = Site::new();
    let mut client = site.open(1, vec![hold("demo/log", None)]).await;
    client.until("joined 1 live 1 refused 0").await;
    site.say("one");
    client.until("\"one\"").await;
    let cursor = client.last_id();
    drop(client);
    site.say("two");
    site.say("three");
    let mut client = site.open(2, vec![hold("demo/log", Some(&cursor))]).await;
    assert_eq!(
        client.until("joined 2 live 1 refused 0").await,
        ["hello", "joining 2", "\"two\"", "\"three\"", "joined 2 live 1 refused 0"]
    );
    let ended = Site::new();
    let mut client = ended.open(3, vec![hold("demo/log", Some(&cursor)), hold("demo/value", Some("no cursor"))]).await;
    assert_eq!(
        client.until("joined 3 live 2 refused 0").await,
        [
            "hello",
            "joining 3",
            "rewound",
            "gap rewound",
            "gap cursor-malformed",
            "snapshot none",
            "joined 3 live 2 refused 0"
        ],
        "another node without that past says so"
    );
}

#[tokio::test]
async fn a_beat_carries_the_cursor_of_an_idle_stream() {
    let site = Site::with(LiveOptions::default().beat(std::time::Duration::from_millis(30)));
    let mut client = site.open(1, vec![hold("demo/log", None)]).await;
    client.until("joined 1 live 1 refused 0").await;
    let joined_at = client.last_id();
    // Nobody of this stream's topics moves; the node does.
    site.hub.publish(&VALUE.at(), &1).unwrap();
    while client.last_id() == joined_at {
        client.until("beat").await;
    }
    let cursor: tidings::wire::Cursor = client.last_id().parse().unwrap();
    assert_eq!(cursor.get(site.hub.origin()), 1);
}

#[tokio::test]
async fn a_page_id_is_of_use_to_its_principal_alone() {
    let identify = |parts: &http::request::Parts| match parts.headers.get("x-user") {
        Some(user) => Principal::named(user.to_str().unwrap()),
        None => Principal::anonymous(),
    };
    let site = Site::with(LiveOptions::default().identify(identify));
    let mut client = site.open(1, vec![]).await;
    let page = page_id(&mut client).await;
    let body = format!(r#"{{"page":"{page}","call":2,"hold":[{{"topic":"demo/log"}}]}}"#);
    let json = ("content-type", "application/json");
    let other = site.post("/_tidings/change", &[json, ("x-user", "eve")], &body).await;
    assert_eq!(error_code(other).await, (StatusCode::NOT_FOUND, "no-such-page".to_owned()));
    assert_eq!(site.post("/_tidings/change", &[json], &body).await.status(), StatusCode::ACCEPTED);
    let forged = body.replace(&page, &"A".repeat(page.len()));
    let other = site.post("/_tidings/change", &[json], &forged).await;
    assert_eq!(error_code(other).await, (StatusCode::NOT_FOUND, "no-such-page".to_owned()));
}

#[tokio::test]
async fn a_second_stream_of_a_page_ends_the_first() {
    let site = Site::new();
    let mut first = site.open(1, vec![hold("demo/log", None)]).await;
    let page = page_id(&mut first).await;
    let body = format!(r#"{{"wire":1,"call":2,"page":"{page}","hold":[]}}"#);
    let second = site.post("/_tidings/live", &[("content-type", "application/json")], &body).await;
    let mut second = Client::new(second);
    assert_ne!(page_id(&mut second).await, page);
    while first.raw().await.is_some() {}
    drop(first);
    assert_eq!(site.live.open_streams(), 1);
}

#[tokio::test]
async fn draining_says_goodbye_and_takes_nobody_in() {
    let site = Site::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = site.open(1, vec![]).await;
        client.until("joined 1 live 0 refused 0").await;
        clients.push(client);
    }
    assert_eq!(site.live.open_streams(), 3);
    site.live.drain();
    let mut delays = Vec::new();
    for client in &mut clients {
        let Event::Bye(bye) = client.event().await else { panic!("a goodbye") };
        delays.push(bye.retry_ms);
        assert!(client.raw().await.is_none(), "and then the end");
    }
    delays.dedup();
    assert_eq!(delays.len(), 3, "they do not all come back at once: {delays:?}");
    let refused =
        site.post("/_tidings/live", &[("content-type", "application/json")], r#"{"wire":1,"call":1,"hold":[]}"#).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(error_code(refused).await, (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned()));
    drop(clients);
    assert_eq!(site.live.open_streams(), 0);
}
