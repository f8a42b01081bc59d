//! The node's figures over HTTP.

use http::StatusCode;
use tidings::Payload;
use tidings_axum::metrics_routes;

use crate::support::{Site, hold, text};

/// The value of a line `name value`.
fn figure(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn figures_are_told_as_text_and_follow_the_hub() {
    let mut site = Site::new();
    site.router = site.router.merge(metrics_routes(site.live.clone()));
    let mut page = site.open(1, vec![hold("demo/log", None)]).await;
    page.until("joined 1 live 1 refused 0").await;
    for nth in 0..3 {
        site.say(&format!("message {nth}"));
    }
    page.until("\"message 2\"").await;
    site.hub.broadcast("demo/value", Payload::of(&1).unwrap()).unwrap();

    let response = site.get("/metrics", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let first = text(response).await;
    let of = |name| figure(&first, name);
    assert_eq!(of("tidings_published_total{kind=\"events\"}"), Some(3.0), "{first}");
    assert_eq!(of("tidings_delivered_total{kind=\"events\"}"), Some(3.0));
    assert_eq!(of("tidings_published_total{kind=\"state\"}"), Some(1.0));
    assert_eq!(of("tidings_topics{kind=\"state\"}"), Some(1.0));
    assert_eq!(of("tidings_held_messages{kind=\"events\"}"), Some(3.0));
    assert_eq!((of("tidings_readers"), of("tidings_streams")), (Some(1.0), Some(1.0)));
    assert_eq!(of("tidings_gaps_total{kind=\"events\"}"), Some(0.0));
    assert_eq!(of("tidings_held_bytes_max"), Some(site.hub.limits().bytes_max as f64));
    assert!(first.contains("# HELP tidings_gaps_total Gaps told to readers"), "{first}");
    assert!(!first.contains("demo/"), "no topic is named: {first}");

    site.say("message 3");
    drop(page);
    let second = text(site.get("/metrics", &[]).await).await;
    assert_eq!(figure(&second, "tidings_published_total{kind=\"events\"}"), Some(4.0));
    assert_eq!(figure(&second, "tidings_streams"), Some(0.0));
}

#[tokio::test]
async fn two_nodes_in_one_process_do_not_mix() {
    let (mut one, mut two) = (Site::new(), Site::new());
    one.router = one.router.merge(metrics_routes(one.live.clone()));
    two.router = two.router.merge(metrics_routes(two.live.clone()));
    one.say("hello");
    let [of_one, of_two] = [text(one.get("/metrics", &[]).await).await, text(two.get("/metrics", &[]).await).await];
    let published = "tidings_published_total{kind=\"events\"}";
    assert_eq!((figure(&of_one, published), figure(&of_two, published)), (Some(1.0), Some(0.0)));
}
