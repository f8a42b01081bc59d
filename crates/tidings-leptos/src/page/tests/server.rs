//! The page against a real server, without a socket: both sides must agree on what is held.

use axum::{Router, body::Body};
use http_body_util::BodyExt as _;
use tidings::{Hub, Payload, anyone};
use tidings_axum::{Live, LiveOptions, page_routes};
use tidings_wire::{Events, State, live::DEFAULT_PREFIX, sse::Decoder, topics};
use tower::ServiceExt as _;

use super::*;

topics! {
    TITLE(board: u32, card: u32): State<u64> = "board/{board}/card/{card}/title";
    SAID: Events<u64> = "said";
}

/// A page with its server.
struct Served {
    hub: Hub,
    router: Router,
    page: Page,
    stream: Option<(Body, Decoder)>,
    requests: u32,
}

impl Served {
    /// Sends a write whose first answer is lost on its way back, so that the page asks again; reads until it is decided.
    async fn ask_twice(&mut self, topic: &TopicName, fate: &RefCell<Vec<String>>) {
        for _ in 0..2 {
            let publish = self.page.write_request(topic).unwrap();
            let response = self.post("/publish", serde_json::to_string(&publish).unwrap()).await;
            assert_eq!(response.status(), 200);
        }
        while fate.borrow().is_empty() {
            self.read().await;
        }
    }

    fn new() -> Self {
        let hub = Hub::solo("alpha").unwrap();
        hub.serve(TITLE).read(anyone).write(anyone);
        hub.serve(SAID).read(anyone).write(anyone);
        let live = Live::new(hub.clone(), LiveOptions::default()).unwrap();
        let router = Router::new().nest(DEFAULT_PREFIX, page_routes(live));
        Self { hub, router, page: Page::default(), stream: None, requests: 0 }
    }

    async fn post(&mut self, path: &str, body: String) -> axum::response::Response {
        self.requests += 1;
        let request = axum::http::Request::post(format!("{DEFAULT_PREFIX}{path}"));
        let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn open(&mut self) {
        let open = self.page.open();
        let response = self.post("/live", serde_json::to_string(&open).unwrap()).await;
        self.stream = Some((response.into_body(), Decoder::default()));
        self.joined(open.call).await;
    }

    async fn send(&mut self, change: &Change) {
        let answer = self.post("/change", serde_json::to_string(change).unwrap()).await;
        assert_eq!(answer.status(), 202);
    }

    /// Reads the stream until a call is answered.
    async fn joined(&mut self, call: u64) {
        let mut answered = false;
        while !answered {
            answered =
                self.read().await.iter().any(|event| matches!(event, Event::Joined(joined) if joined.call == call));
        }
    }

    async fn read(&mut self) -> Vec<Event> {
        let (body, decoder) = self.stream.as_mut().unwrap();
        let frame = tokio::time::timeout(std::time::Duration::from_secs(20), body.frame()).await.expect("nothing came");
        let bytes = frame.expect("the stream goes on").unwrap().into_data().unwrap();
        let mut read = Vec::new();
        let mut raw_events = Vec::new();
        decoder.read(&bytes, |event| raw_events.push(event));
        for raw in raw_events {
            let event = Event::read(&raw.name, &raw.data).unwrap();
            let id = raw.has_id.then(|| raw.id.parse().ok()).flatten();
            hear_at(&mut self.page, &event, id);
            read.push(event);
        }
        read
    }

    /// What the server's readers hold, by topic.
    fn held(&self) -> Vec<(String, u32)> {
        let topics = self.hub.topics().into_iter().filter(|topic| topic.readers > 0);
        topics.map(|topic| (topic.topic.to_string(), topic.readers)).collect()
    }
}

fn hear_at(page: &mut Page, event: &Event, id: Option<Cursor>) {
    let mut calls = Calls::new();
    page.event(event, id, &mut calls);
    tell(calls);
}

#[tokio::test]
async fn two_hundred_components_cost_one_request() {
    let mut served = Served::new();
    for card in 0..200 {
        value(&mut served.page, TITLE.at(1, card).as_str(), None);
    }
    served.open().await;
    assert_eq!((served.requests, served.held().len()), (1, 200));
    for card in 0..200 {
        value(&mut served.page, TITLE.at(2, card).as_str(), None);
    }
    let change = served.page.change().unwrap();
    served.send(&change).await;
    served.joined(change.call).await;
    assert_eq!((served.requests, served.held().len()), (2, 400), "and one more for those that come later");
}

#[tokio::test]
async fn after_five_hundred_mounts_the_server_holds_what_it_held() {
    let mut served = Served::new();
    hold(&mut served.page, "said", None);
    served.open().await;
    let before = served.held();
    assert_eq!(before, [("said".to_owned(), 1)]);
    for round in 0..500 {
        let holds = [
            value(&mut served.page, TITLE.at(1, round % 7).as_str(), None).0,
            value(&mut served.page, TITLE.at(1, round % 5).as_str(), None).0,
            value(&mut served.page, "board/1/card/*/title", None).0,
            hold(&mut served.page, "said", None).0,
        ];
        // Some are gone again before the tick is over, and nobody hears of them.
        if round % 3 != 0 {
            let change = served.page.change().unwrap();
            served.send(&change).await;
            served.joined(change.call).await;
        }
        holds.iter().for_each(|hold| release(&mut served.page, hold));
        if let Some(change) = served.page.change() {
            served.send(&change).await;
            served.joined(change.call).await;
        }
    }
    assert_eq!(served.held(), before);
    assert_eq!(served.page.held.len(), 1);
}

#[tokio::test]
async fn calls_that_overtake_each_other_leave_both_sides_agreed() {
    let mut served = Served::new();
    let (first, _) = value(&mut served.page, TITLE.at(1, 1).as_str(), None);
    served.open().await;
    for round in 0..50 {
        let card = TITLE.at(1, 2 + round % 3);
        let (hold, _) = value(&mut served.page, card.as_str(), None);
        let held = served.page.change().unwrap();
        release(&mut served.page, &hold);
        let released = served.page.change().unwrap();
        // The later call arrives first.
        served.send(&released).await;
        served.send(&held).await;
        served.joined(held.call).await;
    }
    assert_eq!(served.held(), [(TITLE.at(1, 1).as_str().to_owned(), 1)]);
    release(&mut served.page, &first);
    let change = served.page.change().unwrap();
    served.send(&change).await;
    served.joined(change.call).await;
    assert_eq!(served.held(), []);
}

#[tokio::test]
async fn a_pattern_follows_its_topics_and_a_write_comes_back() {
    let mut served = Served::new();
    served.hub.publish(&TITLE.at(1, 1), &11).unwrap();
    let (_, all) = value(&mut served.page, "board/1/card/*/title", None);
    served.open().await;
    served.hub.publish(&TITLE.at(1, 2), &12).unwrap();
    while !all.borrow().contains(&"12".to_owned()) {
        served.read().await;
    }
    assert_eq!(*all.borrow(), ["11", "joined", "12"]);
    let (sink, fate) = component();
    let mut calls = Calls::new();
    let topic = name(TITLE.at(1, 1).as_str());
    served.page.write(
        &topic,
        Write { id: "w".into(), kind: TopicKind::State, data: Some(raw(13)), owner: 0, sink },
        &mut calls,
    );
    tell(calls);
    served.ask_twice(&topic, &fate).await;
    served.hub.broadcast("said", Payload::of(&1).unwrap()).unwrap();
    assert_eq!(*all.borrow(), ["11", "joined", "12", "drafts 13", "13", "drafts "]);
    let topic = served.hub.topics().into_iter().find(|info| info.topic == topic).unwrap();
    assert_eq!(topic.published, 2, "what was sent twice is published once");
}

#[tokio::test]
async fn a_topic_that_a_page_clears_is_gone_for_all_and_comes_back_with_the_next_value() {
    let mut served = Served::new();
    served.hub.serve(TITLE).read(tidings::anyone).write(tidings::anyone).clear(tidings::anyone);
    let card = TITLE.at(1, 1);
    served.hub.publish(&card, &11).unwrap();
    let (_, all) = value(&mut served.page, "board/1/card/*/title", None);
    served.open().await;
    for (id, data) in [("c", None), ("d", Some(raw(12)))] {
        let (sink, fate) = component();
        let topic = name(card.as_str());
        let mut calls = Calls::new();
        let write = Write { id: id.into(), kind: TopicKind::State, data, owner: 0, sink };
        served.page.write(&topic, write, &mut calls);
        tell(calls);
        // And nothing is cleared twice.
        served.ask_twice(&topic, &fate).await;
        assert_eq!(*fate.borrow(), ["done"]);
    }
    assert_eq!(*all.borrow(), ["11", "joined", "drafts clear", "nothing", "drafts ", "drafts 12", "12", "drafts "]);
    assert_eq!(served.hub.value(&card), Some(12));
    let info = served.hub.topics().into_iter().find(|info| info.topic == name(card.as_str())).unwrap();
    assert_eq!(info.published, 3, "one value, its deletion, another value");
}
