//! Who is present, over a page's stream and for everyone else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::StatusCode;
use serde_json::{Value, json};
use tidings::{Hub, Payload, Principal, wire::event::Event};
use tidings_axum::LiveOptions;

use crate::support::{Client, ROOM, Site, error_code, page_id, text};

const JSON: (&str, &str) = ("content-type", "application/json");
const ANNS: &str = "000102030405060708090a0b0c0d0e0f";
const BOBS: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

fn options() -> LiveOptions {
    LiveOptions::default().identify(|parts| match parts.headers.get("x-user") {
        Some(user) => Principal::named(user.to_str().unwrap()),
        None => Principal::anonymous(),
    })
}

/// A page that somebody has open.
struct Page {
    who: &'static str,
    id: String,
    client: Client,
}

fn track(topic: &str, key: &str, says: &str) -> Value {
    json!({ "topic": topic, "key": key, "meta": { "says": says } })
}

async fn open(site: &Site, who: &'static str, presence: Value) -> Page {
    open_again(site, who, None, presence).await
}

async fn open_again(site: &Site, who: &'static str, page: Option<&str>, presence: Value) -> Page {
    let body = json!({ "wire": 1, "call": 1, "page": page, "hold": [], "presence": presence }).to_string();
    let mut client = Client::new(site.post("/_tidings/live", &[JSON, ("x-user", who)], &body).await);
    Page { who, id: page_id(&mut client).await, client }
}

impl Page {
    async fn ask(&self, site: &Site, call: u64, presence: Value) {
        let body = json!({ "page": self.id, "call": call, "presence": presence }).to_string();
        let answer = site.post("/_tidings/change", &[JSON, ("x-user", self.who)], &body).await;
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
}

/// Ann, present in the lobby and watching it.
fn ann_in_lobby() -> Value {
    json!({ "reference": ANNS, "watch": ["room/lobby"], "track": [track("room/lobby", "ann", "hello")] })
}

fn here(site: &Site) -> Vec<String> {
    site.hub.presences("room/lobby").unwrap().iter().map(|presence| presence.key.to_string()).collect()
}

#[tokio::test]
async fn the_list_comes_first_then_who_comes_changes_and_goes() {
    let site = Site::with(options());
    let mut ann = open(&site, "ann", ann_in_lobby()).await;
    assert_eq!(
        ann.client.until("joined 1 live 0 refused 0").await,
        ["joining 1", "present [ann: hello mine]", "joined 1 live 0 refused 0"],
        "a page is in its own first list"
    );
    let bob = open(&site, "bob", json!({ "reference": BOBS, "track": [track("room/lobby", "bob", "hi")] })).await;
    assert_eq!(ann.client.until("joins [bob: hi] leaves []").await.len(), 1);
    bob.ask(&site, 2, json!({ "track": [track("room/lobby", "bob", "typing")] })).await;
    let mut bob = bob;
    bob.client.until("joined 2 live 0 refused 0").await;
    assert_eq!(ann.client.until("joins [bob: typing] leaves []").await.len(), 1, "an update is one diff");
    bob.ask(&site, 3, json!({ "untrack": [{ "topic": "room/lobby", "key": "bob" }] })).await;
    bob.client.until("joined 3 live 0 refused 0").await;
    assert_eq!(ann.client.until("joins [] leaves [bob]").await.len(), 1, "who is let go of leaves at once");
    ann.ask(&site, 2, json!({ "unwatch": ["room/lobby"] })).await;
    ann.client.until("joined 2 live 0 refused 0").await;
    bob.ask(&site, 4, json!({ "track": [track("room/lobby", "bob", "back")] })).await;
    bob.client.until("joined 4 live 0 refused 0").await;
    ann.ask(&site, 3, json!({ "watch": ["room/lobby"] })).await;
    assert_eq!(
        ann.client.until("joined 3 live 0 refused 0").await,
        ["joining 3", "present [ann: hello mine, bob: back]", "joined 3 live 0 refused 0"],
        "what happened while nobody watched is in the list alone"
    );
}

#[tokio::test]
async fn a_page_that_comes_back_never_left() {
    let site = Site::with(options());
    let mut bob = open(&site, "bob", json!({ "reference": BOBS, "watch": ["room/lobby"] })).await;
    bob.client.until("joined 1 live 0 refused 0").await;
    let ann = open(&site, "ann", ann_in_lobby()).await;
    bob.client.until("joins [ann: hello] leaves []").await;
    let page = ann.id.clone();
    drop(ann);
    assert_eq!(bob.client.until("joins [ann: hello fading] leaves []").await.len(), 1, "a cut is no leave");
    let mut ann = open_again(&site, "ann", Some(&page), ann_in_lobby()).await;
    ann.client.until("present [ann: hello mine]").await;
    assert_eq!(bob.client.until("joins [ann: hello] leaves []").await.len(), 1);
    // Before its last stream has ended here, too: that one gives way, and its end changes nothing.
    let page = ann.id.clone();
    let mut again = open_again(&site, "ann", Some(&page), ann_in_lobby()).await;
    again.client.until("joined 1 live 0 refused 0").await;
    while ann.client.raw().await.is_some() {}
    drop(ann);
    assert!(!site.hub.presences("room/lobby").unwrap()[0].is_fading);
}

#[tokio::test]
async fn who_does_not_come_back_leaves_after_the_grace() {
    let hub = Hub::builder("alpha").unwrap().limits(|limits| limits.presence_grace_ms = 30).build();
    let site = Site::of(hub, options());
    let mut bob = open(&site, "bob", json!({ "reference": BOBS, "watch": ["room/lobby"] })).await;
    let ann = open(&site, "ann", ann_in_lobby()).await;
    bob.client.until("joins [ann: hello] leaves []").await;
    drop(ann);
    bob.client.until("joins [] leaves [ann]").await;
    assert!(here(&site).is_empty());
}

#[tokio::test]
async fn three_pages_of_one_are_one_key_with_three_entries() {
    let site = Site::with(options());
    let mut pages = Vec::new();
    for nth in 0..3 {
        let reference = format!("{nth:032x}");
        let ask = json!({ "reference": reference, "track": [track("room/lobby", "ann", "hello")] });
        let mut page = open(&site, "ann", ask).await;
        page.client.until("joined 1 live 0 refused 0").await;
        pages.push(page);
    }
    let answer = site.get("/api/presence/room/lobby", &[]).await;
    assert_eq!((answer.status(), answer.headers()["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"));
    let body: Value = serde_json::from_str(&text(answer).await).unwrap();
    let entries = body["entries"].as_array().unwrap();
    assert_eq!((body["topic"].as_str(), body["keys"].as_u64(), entries.len()), (Some("room/lobby"), Some(1), 3));
    let mut ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    for nth in 0..3 {
        assert!(!body.to_string().contains(&format!("{nth:032x}")), "no list tells a reference");
    }
}

#[tokio::test]
async fn nobody_is_present_as_somebody_else_or_says_what_does_not_fit() {
    let site = Site::with(options());
    let ask = json!({ "reference": BOBS, "watch": ["room/lobby", "demo/log"], "track": [
        track("room/lobby", "ann", "hello"),
        track("demo/log", "bob", "nobody may be present here"),
        track("room/lobby", "bob", "more than the rule of the topic allows"),
        { "topic": "room/hall", "key": "bob", "meta": { "speaks": "of another shape" } },
        track("_tidings/letters", "bob", "ours"),
    ] });
    let mut bob = open(&site, "bob", ask).await;
    let refused = loop {
        if let Event::Joined(joined) = bob.client.event().await {
            break joined.absent;
        }
    };
    let short: Vec<_> = refused
        .iter()
        .map(|refused| {
            let reason = serde_json::to_string(&refused.reason).unwrap();
            format!("{} {} {reason}", refused.topic, refused.key.as_deref().unwrap_or("list"))
        })
        .collect();
    assert_eq!(
        short,
        [
            "demo/log list \"forbidden\"",
            "room/lobby ann \"forbidden\"",
            "demo/log bob \"forbidden\"",
            "room/lobby bob \"invalid\"",
            "room/hall bob \"invalid\"",
            "_tidings/letters bob \"forbidden\"",
        ]
    );
    assert!(refused.iter().all(|refused| refused.message.len() > 10), "{refused:?}");
    assert_eq!(site.hub.info().presence.entries, 0);
    let forbidden = (StatusCode::FORBIDDEN, "forbidden".to_owned());
    assert_eq!(error_code(site.get("/api/presence/demo/log", &[]).await).await, forbidden);
    let wrong = (StatusCode::BAD_REQUEST, "invalid-topic".to_owned());
    assert_eq!(error_code(site.get("/api/presence/room//x", &[]).await).await, wrong);
}

#[tokio::test]
async fn a_page_has_a_bounded_number_of_entries_and_of_lists() {
    let hub = Hub::builder("alpha").unwrap().limits(|limits| limits.page_presences_max = 2).build();
    let site = Site::of(hub, options());
    let rooms: Vec<_> = (0..70).map(|nth| format!("room/r{nth}")).collect();
    let tracks: Vec<_> = rooms[..3].iter().map(|room| track(room, "ann", "hello")).collect();
    let mut ann = open(&site, "ann", json!({ "reference": ANNS, "watch": rooms, "track": tracks })).await;
    let said = ann.client.until("joined 1 live 0 refused 0 absent 7").await;
    assert_eq!(said.iter().filter(|said| said.starts_with("present")).count(), 64);
    assert_eq!(site.hub.info().presence.own, 2);
}

#[tokio::test]
async fn an_older_call_that_arrives_late_changes_nothing() {
    let site = Site::with(options());
    let mut ann = open(&site, "ann", json!({ "reference": ANNS })).await;
    ann.client.until("joined 1 live 0 refused 0").await;
    ann.ask(&site, 3, json!({ "untrack": [{ "topic": "room/lobby", "key": "ann" }], "unwatch": ["room/lobby"] })).await;
    ann.ask(&site, 2, ann_in_lobby()).await;
    assert_eq!(
        ann.client.until("joined 2 live 0 refused 0").await.iter().filter(|said| said.contains("present")).count(),
        0
    );
    assert!(here(&site).is_empty());
}

#[tokio::test]
async fn rights_that_change_end_and_begin_presence() {
    let site = Site::with(options());
    let may = Arc::new(AtomicBool::new(true));
    let (be, see) = (may.clone(), may.clone());
    site.hub
        .serve(ROOM)
        .be_present(move |who, _, key| be.load(Ordering::Relaxed) && who.name() == Some(key))
        .see_presences(move |_, _| see.load(Ordering::Relaxed));
    let mut ann = open(&site, "ann", ann_in_lobby()).await;
    ann.client.until("joined 1 live 0 refused 0").await;
    may.store(false, Ordering::Relaxed);
    site.live.rights_changed(&Principal::named("ann"));
    assert_eq!(ann.client.until("joined 0 live 0 refused 0 absent 2").await.len(), 1, "and nothing of the list");
    assert!(here(&site).is_empty(), "at once");
    may.store(true, Ordering::Relaxed);
    site.live.rights_changed(&Principal::named("ann"));
    ann.client.until("present [ann: hello mine]").await;
    assert_eq!(here(&site), ["ann"]);
}

#[tokio::test]
async fn a_page_is_painted_with_who_is_there_where_it_may_see_that() {
    let site = Site::with(options());
    let _ann = site.hub.track("room/lobby", "ann", Payload::from_json(r#"{"says":"hello"}"#).unwrap()).unwrap();
    let paint = site.live.paint(Principal::anonymous());
    let painted = paint.paint_present(&"room/lobby".parse().unwrap()).unwrap();
    assert_eq!(painted.entries.iter().map(|entry| (&*entry.key, entry.mine)).collect::<Vec<_>>(), [("ann", false)]);
    assert!(paint.paint_present(&"demo/log".parse().unwrap()).is_none());
}
