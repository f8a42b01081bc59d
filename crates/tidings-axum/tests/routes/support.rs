//! A hub behind the routes, and a client that reads streams without a socket.

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use std::time::Duration;
use tidings::{
    Hub, Payload, anyone, nobody,
    wire::{
        Events, Pattern, PresenceEntry, Signal, State,
        event::Event,
        live::{Change, DEFAULT_PREFIX, Hold, Open},
        sse::{Decoder, RawEvent},
        topics,
    },
};
use tidings_axum::{Live, LiveOptions, page_routes, plain_routes, presence_routes, same_origin, topic_routes};
use tower::ServiceExt as _;

topics! {
    pub(crate) LOG: Events<String> = "demo/log" keep 8;
    pub(crate) VALUE: State<u64> = "demo/value";
    pub(crate) SECRET: State<u64> = "demo/secret";
    pub(crate) ROOM(room: String): Signal<String> = "room/{room}";
    pub(crate) CARD(id: u32, part: String): State<u64> = "card/{id}/{part}";
}

/// What somebody says of itself.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Meta {
    pub(crate) says: String,
}

/// Long enough for a machine that does other things; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) hub: Hub,
    pub(crate) live: Live,
    pub(crate) router: Router,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(LiveOptions::default())
    }

    pub(crate) fn with(options: LiveOptions) -> Self {
        Self::of(Hub::solo("alpha").unwrap(), options)
    }

    pub(crate) fn of(hub: Hub, options: LiveOptions) -> Self {
        hub.serve(LOG)
            .read(anyone)
            .write(anyone)
            .validate(|text| if text.len() <= 20 { Ok(()) } else { Err("at most 20 bytes".to_owned()) });
        hub.serve(VALUE).read(anyone);
        hub.serve(SECRET).read(nobody);
        // Who is known may be present under the own name.
        hub.serve(ROOM).see_presences(anyone).be_present(|who, _, key| who.name() == Some(key)).meta(
            |_, meta: Meta| {
                if meta.says.len() <= 20 { Ok(meta) } else { Err("at most 20 bytes".to_owned()) }
            },
        );
        // Of a card everyone may read everything but its price.
        hub.serve(CARD).read(|_, topic| !topic.as_str().ends_with("/price"));
        let live = Live::new(hub.clone(), options).unwrap();
        let router = Router::new()
            .nest(DEFAULT_PREFIX, page_routes(live.clone()))
            .merge(plain_routes(live.clone()))
            .merge(topic_routes(live.clone()))
            .merge(presence_routes(live.clone()))
            .layer(axum::middleware::from_fn_with_state(live.clone(), same_origin));
        Self { hub, live, router }
    }

    pub(crate) fn say(&self, text: &str) {
        self.hub.broadcast("demo/log", Payload::of(text).unwrap()).unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send(request("GET", path, headers, Body::empty())).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        self.send(request("POST", path, headers, Body::from(body.to_owned()))).await
    }

    pub(crate) async fn delete(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.send(request("DELETE", path, headers, Body::empty())).await
    }

    pub(crate) async fn open(&self, call: u64, hold: Vec<Hold>) -> Client {
        let body = serde_json::to_string(&Open { wire: 1, call, page: None, hold, ..Open::default() }).unwrap();
        let response = self.post("/_tidings/live", &[("content-type", "application/json")], &body).await;
        assert_eq!(response.status(), StatusCode::OK);
        Client::new(response)
    }

    pub(crate) async fn change(&self, change: &Change) -> StatusCode {
        let body = serde_json::to_string(change).unwrap();
        self.post("/_tidings/change", &[("content-type", "application/json")], &body).await.status()
    }
}

/// A page's id, from its stream's first event.
pub(crate) async fn page_id(client: &mut Client) -> String {
    let Event::Hello(hello) = client.event().await else { panic!("hello comes first") };
    assert_eq!(hello.wire, 1);
    hello.page.expect("a live stream has a page id")
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) async fn error_code(response: Response<Body>) -> (StatusCode, String) {
    let status = response.status();
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    let error = &body["error"];
    assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{body}");
    (status, error["code"].as_str().unwrap().to_owned())
}

pub(crate) fn hold(topic: &str, after: Option<&str>) -> Hold {
    Hold { topic: Pattern::new(topic).unwrap(), after: after.map(str::to_owned), last: None }
}

/// Reads a stream's events.
pub(crate) struct Client {
    body: Body,
    decoder: Decoder,
    ready: std::collections::VecDeque<RawEvent>,
}

impl Client {
    pub(crate) fn new(response: Response<Body>) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), decoder: Decoder::default(), ready: Default::default() }
    }

    /// The next event; `None` at the stream's end.
    pub(crate) async fn raw(&mut self) -> Option<RawEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("nothing came")?;
            let bytes = frame.unwrap().into_data().unwrap();
            self.decoder.read(&bytes, |event| self.ready.push_back(event));
        }
    }

    pub(crate) async fn event(&mut self) -> Event {
        let raw = self.raw().await.expect("the stream ended");
        Event::read(&raw.name, &raw.data).unwrap()
    }

    /// What the next events say, in short, until one says this.
    pub(crate) async fn until(&mut self, last: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let short = short(&self.event().await);
            said.push(short.clone());
            if short == last {
                return said;
            }
        }
    }

    pub(crate) fn last_id(&self) -> String {
        self.decoder.last_id().to_owned()
    }
}

/// `ann says "hello"`, and what is not as usual.
fn short_entry(entry: &PresenceEntry) -> String {
    let meta: Meta = serde_json::from_str(entry.meta.get()).unwrap();
    let (fading, mine) = (if entry.fading { " fading" } else { "" }, if entry.mine { " mine" } else { "" });
    format!("{}: {}{fading}{mine}", entry.key, meta.says)
}

fn short(event: &Event) -> String {
    let all = |entries: &[PresenceEntry]| entries.iter().map(short_entry).collect::<Vec<_>>().join(", ");
    match event {
        Event::Present(list) => format!("present [{}]", all(&list.entries)),
        Event::Presence(diff) => {
            let gone: Vec<_> = diff.leaves.iter().map(|(key, _)| &**key).collect();
            format!("joins [{}] leaves [{}]", all(&diff.joins), gone.join(", "))
        }
        Event::Hello(_) => "hello".to_owned(),
        Event::Message(message) => message.data.get().to_owned(),
        Event::Snapshot(snapshot) => {
            format!("snapshot {}", snapshot.value.as_ref().map_or("none", |value| value.data.get()))
        }
        Event::Gap(gap) => format!("gap {}", gap.cause.as_str()),
        Event::Complete(complete) => format!("complete {}", complete.pattern),
        Event::Rewound => "rewound".to_owned(),
        Event::Joining(joining) => format!("joining {}", joining.call),
        Event::Joined(joined) => {
            let absent =
                if joined.absent.is_empty() { String::new() } else { format!(" absent {}", joined.absent.len()) };
            format!("joined {} live {} refused {}{absent}", joined.call, joined.live.len(), joined.refused.len())
        }
        Event::Beat => "beat".to_owned(),
        Event::Bye(_) => "bye".to_owned(),
        other => format!("{other:?}"),
    }
}
