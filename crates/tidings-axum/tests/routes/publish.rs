//! A page's writes: their answers, and that a retry writes once.

use crate::support::{Client, Site, VALUE, error_code, text};
use http::StatusCode;
use tidings::{
    anyone,
    wire::{OriginTag, Version, event::Event, live::Published},
};

const JSON: (&str, &str) = ("content-type", "application/json");
const PATH: &str = "/_tidings/publish";

async fn publish(site: &Site, body: &str) -> Published {
    let response = site.post(PATH, &[JSON], body).await;
    assert_eq!(response.status(), StatusCode::OK, "{body}");
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn a_retry_writes_once_and_gets_the_same_answer() {
    let site = Site::new();
    let mut client = Client::new(site.get("/live?topic=demo/log", &[]).await);
    let body = r#"{"topic":"demo/log","id":"a-1","data":"hello"}"#;
    let first = publish(&site, body).await;
    assert_eq!(publish(&site, body).await, first);
    let second = publish(&site, r#"{"topic":"demo/log","id":"a-2","data":"again"}"#).await;
    assert!(second.version > first.version && second.stamp == first.stamp + 1);
    assert_eq!(client.until("\"again\"").await, ["hello", "\"hello\"", "\"again\""]);
    let topic = text(site.get("/api/topics/demo/log", &[]).await).await;
    assert_eq!(topic.matches("\"data\"").count(), 2, "{topic}");
}

#[tokio::test]
async fn what_is_written_lies_above_what_the_page_has_seen() {
    let site = Site::new();
    let ahead = Version::new(site.hub.now_ms() + 5_000, 0, OriginTag::from_low_bits(9));
    let body = format!(r#"{{"topic":"demo/log","id":"a","seen":"{ahead}","data":"hello"}}"#);
    assert!(publish(&site, &body).await.version > ahead);
}

#[tokio::test]
async fn a_refused_write_says_why() {
    let site = Site::new();
    let long_id = format!(r#"{{"topic":"demo/log","id":"{}","data":"a"}}"#, "x".repeat(65));
    let long_text = format!(r#"{{"topic":"demo/log","id":"a","data":"{}"}}"#, "x".repeat(21));
    let huge = format!(r#"{{"topic":"demo/log","id":"a","data":"{}"}}"#, "x".repeat(1024 * 1024 + 4096));
    let cases: [(&str, u16, &str); 8] = [
        (&long_id, 400, "bad-id"),
        (r#"{"topic":"demo/log","id":"","data":"a"}"#, 400, "bad-id"),
        // Without data it is a clear, which is a right of its own.
        (r#"{"topic":"demo/log","id":"a"}"#, 403, "forbidden"),
        (r#"{"topic":"demo/*","id":"a","data":"a"}"#, 400, "bad-request"),
        (r#"{"topic":"demo/log","id":"a","data":7}"#, 422, "wrong-shape"),
        (&long_text, 422, "invalid"),
        (&huge, 413, "too-large"),
        (r#"{"topic":"demo/value","id":"a","data":7}"#, 403, "forbidden"),
    ];
    for (body, status, code) in cases {
        let wanted = (StatusCode::from_u16(status).unwrap(), code.to_owned());
        assert_eq!(error_code(site.post(PATH, &[JSON], body).await).await, wanted, "{}", &body[..40]);
    }
    let foreign = site.post(PATH, &[JSON, ("sec-fetch-site", "cross-site")], r#"{"topic":"demo/log"}"#).await;
    assert_eq!(error_code(foreign).await, (StatusCode::FORBIDDEN, "foreign-origin".to_owned()));
    let plain = site.post(PATH, &[("content-type", "text/plain")], r#"{"topic":"demo/log"}"#).await;
    assert_eq!(error_code(plain).await, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type".to_owned()));
    assert!(site.hub.topics().iter().all(|topic| topic.published == 0), "{:?}", site.hub.topics());
}

#[tokio::test]
async fn a_page_and_a_plain_client_clear_what_they_may() {
    let site = Site::new();
    site.hub.serve(VALUE).read(anyone).write(anyone).clear(anyone);
    let mut client = Client::new(site.get("/live?topic=demo/value", &[]).await);
    publish(&site, r#"{"topic":"demo/value","id":"a","data":7}"#).await;
    client.until("snapshot 7").await;
    let clear = r#"{"topic":"demo/value","id":"b"}"#;
    let first = publish(&site, clear).await;
    assert_eq!(publish(&site, clear).await, first, "a retry clears once");
    let Event::Deleted(deleted) = until_deleted(&mut client).await else { unreachable!() };
    assert_eq!((deleted.version, deleted.id.as_deref()), (first.version, Some("b")));

    publish(&site, r#"{"topic":"demo/value","id":"c","data":8}"#).await;
    client.until("8").await;
    let foreign = site.delete("/api/topics/demo/value", &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(error_code(foreign).await, (StatusCode::FORBIDDEN, "foreign-origin".to_owned()));
    assert_eq!(site.hub.value(&VALUE.at()), Some(8));
    let answer = site.delete("/api/topics/demo/value", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = text(answer).await;
    let Event::Deleted(deleted) = until_deleted(&mut client).await else { unreachable!() };
    assert!(answer.contains(&deleted.version.to_string()), "{answer}");
    assert_eq!((site.hub.value(&VALUE.at()), deleted.id), (None, None));
    let closed = site.delete("/api/topics/demo/secret", &[]).await;
    assert_eq!(error_code(closed).await, (StatusCode::FORBIDDEN, "forbidden".to_owned()));
}

async fn until_deleted(client: &mut Client) -> Event {
    loop {
        let event = client.event().await;
        if matches!(event, Event::Deleted(_)) {
            return event;
        }
    }
}
