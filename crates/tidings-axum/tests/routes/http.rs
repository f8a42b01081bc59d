//! Plain streams and topics over HTTP: every fault has its status, its code and its words.

use crate::support::{Client, Site, error_code, text};
use ::http::StatusCode;

const JSON: (&str, &str) = ("content-type", "application/json");
const LOG: &str = "/api/topics/demo/log";

#[tokio::test]
async fn a_plain_stream_resumes_after_its_last_event_id() {
    let site = Site::new();
    site.say("one");
    let mut client = Client::new(site.get("/live?topic=demo/log&topic=demo/value", &[]).await);
    assert_eq!(client.until("\"one\"").await, ["hello", "snapshot none", "\"one\""]);
    site.say("two");
    client.until("\"two\"").await;
    let id = client.last_id();
    drop(client);
    site.say("three");
    let mut client = Client::new(site.get("/live?topic=demo/log&topic=demo/value", &[("last-event-id", &id)]).await);
    assert_eq!(client.until("\"three\"").await, ["hello", "\"three\""]);
    let mut client = Client::new(site.get(&format!("/live?topic=demo/log&after={id}"), &[]).await);
    assert_eq!(client.until("\"three\"").await, ["hello", "\"three\""]);
    let mut client = Client::new(site.get("/live?topic=demo/log&last=1", &[]).await);
    assert_eq!(client.until("\"three\"").await, ["hello", "\"three\""]);
}

#[tokio::test]
async fn a_plain_stream_that_lost_something_is_told() {
    let site = Site::new();
    site.say("0");
    let mut client = Client::new(site.get("/live?topic=demo/log", &[]).await);
    client.until("\"0\"").await;
    let id = client.last_id();
    drop(client);
    // Eight are kept.
    (1..=10).for_each(|number| site.say(&number.to_string()));
    let mut client = Client::new(site.get("/live?topic=demo/log", &[("last-event-id", &id)]).await);
    let said = client.until("\"10\"").await;
    assert_eq!(said[..3], ["hello", "gap evicted", "\"3\""]);
    assert_eq!(said.len(), 10);
    let mut client = Client::new(site.get("/live?topic=demo/log", &[("last-event-id", "nonsense")]).await);
    assert_eq!(client.until("\"3\"").await, ["hello", "gap cursor-malformed", "\"3\""]);
}

#[tokio::test]
async fn a_plain_stream_that_cannot_be_is_refused_with_a_reason() {
    let site = Site::new();
    let refused = async |path: &str| error_code(site.get(path, &[]).await).await;
    assert_eq!(refused("/live").await, (StatusCode::BAD_REQUEST, "bad-query".into()));
    assert_eq!(refused("/live?topic=a//b").await, (StatusCode::BAD_REQUEST, "invalid-topic".into()));
    assert_eq!(refused("/live?topic=demo/log&last=many").await, (StatusCode::BAD_REQUEST, "bad-query".into()));
    assert_eq!(refused("/live?topics=demo/log").await, (StatusCode::BAD_REQUEST, "bad-query".into()));
    assert_eq!(refused("/live?topic=demo/secret").await, (StatusCode::FORBIDDEN, "forbidden".into()));
    assert_eq!(refused("/live?topic=no/such").await, (StatusCode::FORBIDDEN, "forbidden".into()));
}

#[tokio::test]
async fn what_is_published_over_http_is_read_over_http() {
    let site = Site::new();
    let answer = site.post(LOG, &[JSON], "\"hello\"").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
    let read: serde_json::Value = serde_json::from_str(&text(site.get(LOG, &[]).await).await).unwrap();
    assert_eq!(read["items"][0]["data"], "hello");
    assert_eq!(read["items"][0]["version"], answer["version"]);
    assert_eq!(read["kind"], "events");
    let mut client =
        Client::new(site.get(&format!("/live?topic=demo/log&after={}", read["cursor"].as_str().unwrap()), &[]).await);
    site.say("next");
    assert_eq!(client.until("\"next\"").await, ["hello", "\"next\""], "the cursor of a read is where a stream goes on");
}

#[tokio::test]
async fn a_refused_write_names_its_fault_and_changes_nothing() {
    let site = Site::new();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let long = format!("\"{}\"", "x".repeat(21));
    let huge = format!("\"{}\"", "x".repeat(1024 * 1024 + 2048));
    /// Path, headers, body; status and code of the refusal.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16, &'a str);
    let cases: [Case<'_>; 14] = [
        (LOG, &[JSON], "{oops", 400, "not-json"),
        (LOG, &[JSON], "", 400, "not-json"),
        (LOG, &[JSON], "{\"a\":1}", 422, "wrong-shape"),
        (LOG, &[JSON], &long, 422, "invalid"),
        (LOG, &[JSON], &huge, 413, "too-large"),
        (LOG, &[form], "\"a\"", 415, "wrong-content-type"),
        (LOG, &[], "\"a\"", 415, "wrong-content-type"),
        (LOG, &[JSON, ("origin", "http://evil.example"), ("host", "here")], "\"a\"", 403, "foreign-origin"),
        (LOG, &[JSON, ("sec-fetch-site", "cross-site")], "\"a\"", 403, "foreign-origin"),
        ("/api/topics/demo//log", &[JSON], "\"a\"", 400, "invalid-topic"),
        ("/api/topics/demo/l%6Fg", &[JSON], "\"a\"", 400, "invalid-topic"),
        ("/api/topics/demo/*", &[JSON], "\"a\"", 400, "invalid-topic"),
        ("/api/topics/no/such", &[JSON], "\"a\"", 403, "forbidden"),
        ("/api/topics/demo/value", &[JSON], "1", 403, "forbidden"),
    ];
    for (path, headers, body, status, code) in cases {
        let wanted = (StatusCode::from_u16(status).unwrap(), code.to_owned());
        assert_eq!(error_code(site.post(path, headers, body).await).await, wanted, "{path} {headers:?}");
    }
    let read: serde_json::Value = serde_json::from_str(&text(site.get(LOG, &[]).await).await).unwrap();
    assert_eq!(read["items"], serde_json::json!([]));
    assert!(site.hub.topics().iter().all(|topic| topic.published == 0), "{:?}", site.hub.topics());
}

#[tokio::test]
async fn a_wrong_name_is_refused_by_its_segment_and_the_rule() {
    let site = Site::new();
    let open = r#"{"wire":1,"call":1,"hold":[{"topic":"demo/b c"}]}"#;
    let answers = [
        site.get("/live?topic=demo/b+c", &[]).await,
        site.get("/api/topics/demo/b%20c", &[]).await,
        site.post("/api/topics/demo/b%20c", &[JSON], "\"a\"").await,
        site.post("/_tidings/live", &[JSON], open).await,
    ];
    for answer in answers {
        let said = text(answer).await;
        // A path is not decoded: there it is the percent sign that is no plain byte.
        assert!(said.contains("segment 2 holds ' '") || said.contains("segment 2 holds '%'"), "{said}");
        assert!(said.contains("allowed are A-Z a-z 0-9 _ . - and ~XX for any other byte"), "{said}");
    }
}

#[tokio::test]
async fn streams_ask_not_to_be_buffered_or_kept() {
    let site = Site::new();
    let response = site.get("/live?topic=demo/log", &[]).await;
    assert_eq!(response.headers()["cache-control"], "no-store, no-transform");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
}
