//! The routes: a page's stream and its changes, the plain stream, and topics over HTTP.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, RawQuery, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tidings::{
    Principal, PublishOptions, Reader, Start, SubscribeError, WriteError,
    wire::{
        Cursor, Pattern, TopicKind, TopicName, Version, WIRE_VERSION,
        event::{Hello, name},
        live::{CHANGE_PATH, Change, Hold, OPEN_PATH, Open, PUBLISH_ID_BYTES_MAX, PUBLISH_PATH, Publish, Published},
        sse,
    },
};

use crate::{
    ApiError, Live,
    letters::is_ours,
    live::Undelivered,
    stream::{StreamBody, start},
};

/// Bytes of a page's request: 4,096 topics with a cursor of a few nodes each.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes by which a body may exceed the largest payload, so that the hub can say what is wrong with it. A page's write
/// has its topic, id and version around the payload.
const BODY_SLACK_BYTES: usize = 2048;

/// What stands before a topic's name in its address.
const TOPICS: &str = "/api/topics/";

/// The routes of pages, to be nested under a prefix: [`DEFAULT_PREFIX`](tidings::wire::live::DEFAULT_PREFIX) unless the
/// hooks are told another.
pub fn page_routes<S>(live: Live) -> Router<S> {
    let payload = live.hub().limits().payload_bytes_max + BODY_SLACK_BYTES;
    Router::new()
        .route(OPEN_PATH, post(open))
        .route(CHANGE_PATH, post(change))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .route(PUBLISH_PATH, post(publish).layer(DefaultBodyLimit::max(payload)))
        .with_state(live)
}

/// `GET /live`: a stream for any SSE client.
///
/// - `topic`, once or more: what to read. A pattern (`c/**`) stands for each topic of it that the reader may read.
/// - `after`: a cursor; an EventSource that comes back sends it as `Last-Event-ID`, which comes first.
/// - `last`: without a cursor, how many retained messages of an Events topic to begin with; all by default.
pub fn plain_routes<S>(live: Live) -> Router<S> {
    Router::new().route("/live", get(plain)).with_state(live)
}

/// `GET`, `POST` and `DELETE /api/topics/{*topic}`: what a topic holds, publishing to it, and clearing a State topic.
pub fn topic_routes<S>(live: Live) -> Router<S> {
    let limit = live.hub().limits().payload_bytes_max + BODY_SLACK_BYTES;
    Router::new()
        .route("/api/topics/{*topic}", get(read_topic).post(write_topic).delete(clear_topic))
        .layer(DefaultBodyLimit::max(limit))
        .with_state(live)
}

async fn open(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    let (parts, open) = json_body::<Open>(&live, request).await?;
    let who = live.principal(&parts);
    if open.wire != WIRE_VERSION {
        // Its hello says so, and the page offers to reload.
        tracing::info!(wire = open.wire, "a page of another wire version");
    }
    let me = live.hub().node_name();
    if let Some(page) = open.page.as_deref()
        && let Some(node) = live.secret().verify(page, &who)
    {
        if node == *me { live.replace(page) } else { live.replace_at(&node, &who, page) }
    }
    let page = live.secret().issue(me, &who).map_err(|error| {
        tracing::error!(%error, "the system has no randomness");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no-randomness", "the node cannot issue page ids")
    })?;
    let text = hello(&live, Some(page.clone()));
    let reader = reader(&live, &who)?;
    let mut body = StreamBody::new(live.clone(), who, Some(page), reader, text).ok_or_else(ApiError::draining)?;
    body.change(Change { call: open.call, hold: open.hold, presence: open.presence, ..Change::default() });
    Ok(event_stream(body))
}

async fn change(State(live): State<Live>, request: Request) -> Result<StatusCode, ApiError> {
    let (parts, change) = json_body::<Change>(&live, request).await?;
    let gone = || {
        let message = "there is no stream of that page: open one";
        ApiError::new(StatusCode::NOT_FOUND, "no-such-page", message)
    };
    // An id of somebody else is told from an unknown one to nobody.
    let who = live.principal(&parts);
    let node = live.secret().verify(&change.page, &who).ok_or_else(gone)?;
    let taken = if node == *live.hub().node_name() {
        live.change(change)
    } else {
        // A load balancer need not know where a page's stream is.
        live.forward(&node, &who, change).await
    };
    taken.map(|()| StatusCode::ACCEPTED).map_err(|undelivered| match undelivered {
        Undelivered::NoSuchPage => gone(),
        Undelivered::TooMany => {
            let message = "the stream has not taken the page's last changes yet: wait for their results";
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too-many-changes", message)
        }
    })
}

async fn publish(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    let (parts, publish) = json_body::<Publish>(&live, request).await?;
    if publish.id.is_empty() || publish.id.len() > PUBLISH_ID_BYTES_MAX {
        let message = format!("a publish id has 1 to {PUBLISH_ID_BYTES_MAX} bytes, this one has {}", publish.id.len());
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "bad-id", message));
    }
    let mut options = PublishOptions::default().with_id(&publish.id);
    options.seen = publish.seen;
    let who = live.principal(&parts);
    let published = match &publish.data {
        Some(data) => write(&live, &who, &publish.topic, data.get(), options)?,
        None => clear(&live, &who, &publish.topic, options)?,
    };
    Ok(Json(Published { version: published.version, stamp: published.stamp }).into_response())
}

async fn plain(State(live): State<Live>, RawQuery(query): RawQuery, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let who = live.principal(&parts);
    let bad = |message: &str| ApiError::new(StatusCode::BAD_REQUEST, "bad-query", message);
    let (mut topics, mut after, mut last) = (Vec::new(), None, None);
    for (key, value) in form_pairs(query.as_deref().unwrap_or_default()) {
        match key.as_str() {
            "topic" => topics.push(Pattern::new(&value)?),
            "after" => after = Some(value),
            "last" => last = Some(value.parse().map_err(|_| bad("`last` is a number of messages"))?),
            other => return Err(bad(&format!("`{other}` is not known here: topic, after and last are"))),
        }
    }
    if topics.is_empty() {
        return Err(bad("name at least one topic: /live?topic=demo/messages"));
    }
    let closed = |topic: &TopicName| !live.may_read(&who, topic);
    if let Some(topic) = topics.iter().filter_map(Pattern::as_topic).find(closed) {
        let message = format!("{topic} cannot be read by you: it is not declared, or closed to you");
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    if let Some(id) = parts.headers.get("last-event-id").filter(|id| !id.is_empty()) {
        // Not text: malformed, as any other that cannot be read. A gap follows, not an error.
        after = Some(id.to_str().unwrap_or("?").to_owned());
    }
    let mut reader = reader(&live, &who)?;
    let begin = |topic: Pattern| (topic.clone(), start(Hold { topic, after: after.clone(), last }));
    let topics: Vec<(Pattern, Start)> = topics.into_iter().map(begin).collect();
    if let Some((_, error)) = reader.join(1, topics).pop() {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "refused", error.to_string()));
    }
    let text = hello(&live, None);
    let body = StreamBody::new(live, who, None, reader, text).ok_or_else(ApiError::draining)?;
    Ok(event_stream(body))
}

/// What `GET /api/topics/…` answers.
#[derive(Serialize)]
struct TopicBody {
    topic: TopicName,
    kind: TopicKind,
    cursor: Cursor,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    version: Version,
    ms: u64,
    data: Box<RawValue>,
}

async fn read_topic(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let topic = topic_of(&parts.uri, TOPICS)?;
    let hub = live.hub();
    let forbidden = || {
        let message = format!("{topic} cannot be read by you: it is not declared, or closed to you");
        ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
    };
    if !live.may_read(&live.principal(&parts), &topic) {
        return Err(forbidden());
    }
    let kind = hub.kind(&topic).ok_or_else(forbidden)?;
    let snapshot = hub.snapshot(&topic, usize::MAX);
    let items = snapshot.entries.iter().filter_map(|entry| {
        let data = serde_json::from_str(entry.payload.as_ref()?.as_str()).ok()?;
        Some(Item { version: entry.version, ms: entry.version.ms(), data })
    });
    let body = TopicBody { items: items.collect(), kind, cursor: snapshot.cursor, topic };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

async fn write_topic(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    crate::origin::check(request.headers(), request.uri(), &live.options().origins)?;
    let topic = topic_of(request.uri(), TOPICS)?;
    require_json(request.headers())?;
    let (parts, body) = request.into_parts();
    let who = live.principal(&parts);
    let body = read_body(Request::from_parts(parts, body)).await?;
    let body = std::str::from_utf8(&body)
        .map_err(|_| ApiError::new(StatusCode::BAD_REQUEST, "not-json", "the body is not UTF-8 text"))?;
    let published = write(&live, &who, &topic, body, PublishOptions::default())?;
    Ok(answer(topic, &published))
}

async fn clear_topic(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    crate::origin::check(request.headers(), request.uri(), &live.options().origins)?;
    let topic = topic_of(request.uri(), TOPICS)?;
    let (parts, _) = request.into_parts();
    let published = clear(&live, &live.principal(&parts), &topic, PublishOptions::default())?;
    Ok(answer(topic, &published))
}

/// What a write over `/api/topics` answers.
fn answer(topic: TopicName, published: &tidings::Published) -> Response {
    #[derive(Serialize)]
    struct Answer {
        topic: TopicName,
        version: Version,
        stamp: u64,
        index: u64,
    }
    let answer = Answer { topic, version: published.version, stamp: published.stamp, index: published.index };
    Json(answer).into_response()
}

/// Writes as somebody outside.
fn write(
    live: &Live,
    who: &Principal,
    topic: &TopicName,
    body: &str,
    options: PublishOptions,
) -> Result<tidings::Published, ApiError> {
    not_ours(topic)?;
    Ok(live.hub().write(who, topic, body, options)?)
}

/// Clears as somebody outside.
fn clear(
    live: &Live,
    who: &Principal,
    topic: &TopicName,
    options: PublishOptions,
) -> Result<tidings::Published, ApiError> {
    not_ours(topic)?;
    Ok(live.hub().clear_as(who, topic, options)?)
}

fn not_ours(topic: &TopicName) -> Result<(), ApiError> {
    if is_ours(topic) {
        return Err(WriteError::Forbidden { topic: topic.clone() }.into());
    }
    Ok(())
}

/// The topic as it stands in the path. A name needs no escapes in a URL, so none are undone: an escape is an error
/// that names its segment, instead of a second spelling.
pub(crate) fn topic_of(uri: &Uri, prefix: &str) -> Result<TopicName, ApiError> {
    let (_, topic) = uri.path().split_once(prefix).unwrap_or_default();
    Ok(TopicName::new(topic)?)
}

fn hello(live: &Live, page: Option<String>) -> String {
    let options = live.options();
    let hello = Hello {
        wire: WIRE_VERSION,
        build: options.build.clone(),
        node: live.hub().node_name().to_string(),
        page,
        now_ms: live.hub().now_ms(),
        beat_ms: u32::try_from(options.beat.as_millis()).unwrap_or(u32::MAX),
    };
    let mut text = String::new();
    sse::write(&mut text, name::HELLO, None, &serde_json::to_string(&hello).unwrap_or_default());
    text
}

/// A reader whose patterns become what this principal may read.
fn reader(live: &Live, who: &Principal) -> Result<Reader, ApiError> {
    let full = |error: SubscribeError| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "node-full", error.to_string());
    let (hub, who) = (live.hub().clone(), who.clone());
    Ok(live.hub().reader().map_err(full)?.admitting(move |topic| !is_ours(topic) && hub.may_read(&who, topic)))
}

fn event_stream(body: StreamBody) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // Nobody on the way may compress it either (RFC 9111, section 5.2.2.6): a compressor holds events back.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
        // nginx would collect a page full before it passes anything on.
        (header::HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::new(body)).into_response()
}

/// A page's request: same origin, JSON, of this shape.
async fn json_body<T: DeserializeOwned>(live: &Live, request: Request) -> Result<(Parts, T), ApiError> {
    crate::origin::check(request.headers(), request.uri(), &live.options().origins)?;
    require_json(request.headers())?;
    let (parts, body) = request.into_parts();
    let head = Request::from_parts(parts.clone(), body);
    let body = read_body(head).await?;
    let value = serde_json::from_slice(&body).map_err(|error| {
        ApiError::new(StatusCode::BAD_REQUEST, "bad-request", format!("the request is not understood: {error}"))
    })?;
    Ok((parts, value))
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!("the content type is {given:?}: send `content-type: application/json`");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", message))
}

async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    use axum::{RequestExt as _, extract::rejection::BytesRejection};
    request.extract::<Bytes, _>().await.map_err(|rejection: BytesRejection| {
        let status = rejection.status();
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-body" };
        ApiError::new(status, code, rejection.body_text())
    })
}

/// A query's pairs, with keys repeated: `application/x-www-form-urlencoded` as in the URL standard, section 5.1.
fn form_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    form_urlencoded::parse(query.as_bytes()).into_owned()
}
