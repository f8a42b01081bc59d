//! Rights that change while a stream is open.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::StatusCode;
use tidings::{
    Payload, Principal,
    wire::{Events, State, topics},
};
use tidings_axum::LiveOptions;

use crate::support::{CARD, Client, LOG, SECRET, Site, error_code, hold, page_id};

topics! {
    ANYTHING(a: String, b: String): Events<String> = "{a}/{b}";
    PRICE(id: u32): State<u64> = "card/{id}/price";
}

/// A rule that a test turns.
fn switch(open: bool) -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(open))
}

fn site_of_users() -> Site {
    Site::with(LiveOptions::default().identify(|parts| match parts.headers.get("x-user") {
        Some(user) => Principal::named(user.to_str().unwrap()),
        None => Principal::anonymous(),
    }))
}

/// Serves the log to who may, and opens a page of ann that holds it and the value.
async fn ann(site: &Site, may: &Arc<AtomicBool>) -> Client {
    let rule = may.clone();
    site.hub.serve(LOG).read(move |_, _| rule.load(Ordering::Relaxed));
    let open = r#"{"wire":1,"call":1,"hold":[{"topic":"demo/log"},{"topic":"demo/value"}]}"#;
    Client::new(site.post("/_tidings/live", &[("content-type", "application/json"), ("x-user", "ann")], open).await)
}

#[tokio::test]
async fn a_topic_that_is_closed_ends_and_goes_on_where_it_was_when_it_is_opened() {
    let (site, may) = (site_of_users(), switch(true));
    let mut client = ann(&site, &may).await;
    client.until("joined 1 live 2 refused 0").await;
    site.say("seen");
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed(&Principal::named("ann"));
    assert_eq!(client.until("joined 0 live 0 refused 1").await, ["\"seen\"", "joined 0 live 0 refused 1"]);
    site.say("hidden, and kept");
    site.hub.broadcast("demo/value", Payload::of(&7).unwrap()).unwrap();
    assert_eq!(client.until("7").await, ["7"], "the others go on");
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed(&Principal::named("ann"));
    assert_eq!(
        client.until("joined 0 live 1 refused 0").await,
        ["\"hidden, and kept\"", "joined 0 live 1 refused 0"],
        "nothing is told twice, and nothing that is kept is missing"
    );
    site.say("on");
    assert_eq!(client.until("\"on\"").await, ["\"on\""]);
}

#[tokio::test]
async fn what_went_while_a_topic_was_closed_is_a_gap() {
    let (site, may) = (site_of_users(), switch(true));
    let mut client = ann(&site, &may).await;
    client.until("joined 1 live 2 refused 0").await;
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    client.until("joined 0 live 0 refused 1").await;
    // Eight are kept.
    (1..=10).for_each(|number| site.say(&number.to_string()));
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    let said = client.until("joined 0 live 1 refused 0").await;
    assert_eq!(said[..2], ["gap evicted", "\"3\""]);
    assert_eq!(said.len(), 10);
}

#[tokio::test]
async fn a_topic_that_was_refused_begins_when_it_is_opened() {
    let (site, may) = (site_of_users(), switch(false));
    site.say("before");
    let mut client = ann(&site, &may).await;
    client.until("joined 1 live 1 refused 1").await;
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed(&Principal::named("bob"));
    site.hub.broadcast("demo/value", Payload::of(&1).unwrap()).unwrap();
    assert_eq!(client.until("1").await, ["1"], "nobody asked for ann");
    site.live.rights_changed(&Principal::named("ann"));
    assert_eq!(client.until("joined 0 live 1 refused 0").await, ["\"before\"", "joined 0 live 1 refused 0"]);
}

#[tokio::test]
async fn a_topic_that_the_page_let_go_does_not_begin() {
    let (site, may) = (site_of_users(), switch(false));
    let mut client = ann(&site, &may).await;
    let page = page_id(&mut client).await;
    client.until("joined 1 live 1 refused 1").await;
    let body = format!(r#"{{"page":"{page}","call":2,"release":["demo/log"]}}"#);
    let headers = [("content-type", "application/json"), ("x-user", "ann")];
    assert_eq!(site.post("/_tidings/change", &headers, &body).await.status(), StatusCode::ACCEPTED);
    client.until("joined 2 live 0 refused 0").await;
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    site.say("unheard");
    site.hub.broadcast("demo/value", Payload::of(&2).unwrap()).unwrap();
    assert_eq!(client.until("2").await, ["2"]);
}

#[tokio::test]
async fn a_value_that_is_closed_is_taken_back_and_told_when_it_is_opened() {
    let (site, may) = (Site::new(), switch(true));
    let rule = may.clone();
    site.hub.serve(SECRET).read(move |_, _| rule.load(Ordering::Relaxed));
    site.hub.publish(&SECRET.at(), &1).unwrap();
    let mut client = site.open(1, vec![hold("demo/secret", None)]).await;
    assert_eq!(client.until("joined 1 live 1 refused 0").await[2..], ["snapshot 1", "joined 1 live 1 refused 0"]);
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    assert_eq!(client.until("joined 0 live 0 refused 1").await, ["snapshot none", "joined 0 live 0 refused 1"]);
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    assert_eq!(client.until("joined 0 live 1 refused 0").await, ["snapshot 1", "joined 0 live 1 refused 0"]);
}

#[tokio::test]
async fn a_pattern_loses_what_is_closed_and_finds_what_is_opened() {
    let (site, may) = (Site::new(), switch(false));
    let rule = may.clone();
    // Prices only; the titles of the family around stay open.
    site.hub.serve(PRICE).read(move |_, _| rule.load(Ordering::Relaxed));
    site.hub.publish(&CARD.at(1, "title"), &10).unwrap();
    site.hub.publish(&PRICE.at(1), &99).unwrap();
    let mut client = site.open(1, vec![hold("card/**", None)]).await;
    assert_eq!(
        client.until("joined 1 live 1 refused 0").await[2..],
        ["snapshot 10", "complete card/**", "joined 1 live 1 refused 0"]
    );
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    assert_eq!(client.until("joined 0 live 1 refused 0").await, ["snapshot 99", "joined 0 live 1 refused 0"]);
    site.hub.publish(&PRICE.at(1), &100).unwrap();
    site.hub.publish(&CARD.at(1, "title"), &11).unwrap();
    assert_eq!(client.until("11").await, ["100", "11"]);
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    assert_eq!(client.until("joined 0 live 1 refused 0").await, ["snapshot none", "joined 0 live 1 refused 0"]);
    site.hub.publish(&PRICE.at(1), &101).unwrap();
    site.hub.publish(&CARD.at(1, "title"), &12).unwrap();
    assert_eq!(client.until("12").await, ["12"]);
}

#[tokio::test]
async fn a_plain_stream_of_a_closed_topic_ends() {
    let (site, may) = (Site::new(), switch(true));
    let rule = may.clone();
    site.hub.serve(LOG).read(move |_, _| rule.load(Ordering::Relaxed));
    site.say("one");
    let mut client = Client::new(site.get("/live?topic=demo/log", &[]).await);
    client.until("\"one\"").await;
    site.live.rights_changed_for_all();
    site.say("two");
    assert_eq!(client.until("\"two\"").await, ["\"two\""], "asked, and nothing has changed");
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed_for_all();
    while let Some(event) = client.raw().await {
        assert_eq!(event.data, "", "the stream ends");
    }
    let refused = site.get("/live?topic=demo/log", &[("last-event-id", &client.last_id())]).await;
    assert_eq!(error_code(refused).await, (StatusCode::FORBIDDEN, "forbidden".to_owned()));
}

/// However wide an app's family is, what nodes tell each other is in none.
#[tokio::test]
async fn the_librarys_own_topics_are_closed_whatever_is_declared() {
    let site = Site::new();
    site.hub.serve(ANYTHING).read(tidings::anyone).write(tidings::anyone);
    let mut open = Client::new(site.get("/live?topic=**", &[]).await);
    let path = "/api/topics/_tidings/letters";
    let json = ("content-type", "application/json");
    assert_eq!(site.post("/api/topics/a/b", &[json], "\"x\"").await.status(), StatusCode::OK);
    open.until("\"x\"").await;
    let forbidden = (StatusCode::FORBIDDEN, "forbidden".to_owned());
    assert_eq!(error_code(site.post(path, &[json], "\"x\"").await).await, forbidden);
    assert_eq!(error_code(site.get(path, &[]).await).await, forbidden);
    assert_eq!(error_code(site.get("/live?topic=_tidings/letters", &[]).await).await, forbidden);
    let write = r#"{"topic":"_tidings/letters","id":"w","data":"x"}"#;
    assert_eq!(error_code(site.post("/_tidings/publish", &[json], write).await).await, forbidden);
    site.hub.broadcast("_tidings/letters", Payload::of("between nodes").unwrap()).unwrap();
    site.hub.broadcast("a/b", Payload::of("after").unwrap()).unwrap();
    assert_eq!(open.until("\"after\"").await, ["\"after\""]);
}
