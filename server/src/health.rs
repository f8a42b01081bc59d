//! `/healthz`: the process does its work. `/readyz`: send it visitors.

use std::time::Duration;

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::{StatusCode, header};
use serde::Serialize;
use tidings_axum::Live;

/// A hub that does not answer within this time is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The vitals are published every second; without any for this long the node's actor is gone.
const VITALS_AGE_MS_MAX: u64 = 10_000;

#[derive(Serialize)]
struct Health<'a> {
    status: &'a str,
    node: &'a str,
    /// Why not, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub(crate) fn routes<S>(live: Live) -> Router<S> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(live)
}

async fn healthz(State(live): State<Live>) -> impl IntoResponse {
    // Takes the lock that every publish takes.
    let hub = live.hub().clone();
    let answers = tokio::time::timeout(ANSWER_WITHIN, tokio::task::spawn_blocking(move || hub.cursor())).await;
    answer(&live, if matches!(answers, Ok(Ok(_))) { None } else { Some("the hub does not answer") })
}

async fn readyz(State(live): State<Live>) -> impl IntoResponse {
    let reason = if live.is_draining() {
        Some("stopping")
    } else if live.hub().is_taken() {
        Some("another node has this one's name")
    } else if !vitals_are_fresh(&live) {
        Some("the node's actor publishes nothing")
    } else {
        None
    };
    answer(&live, reason)
}

fn vitals_are_fresh(live: &Live) -> bool {
    let hub = live.hub();
    let topic = app::topics::VITALS.at(hub.node_name());
    let newest =
        topic.name().ok().and_then(|name| hub.snapshot(name, 1).entries.first().map(|entry| entry.version.ms()));
    newest.is_some_and(|ms| hub.now_ms().saturating_sub(ms) < VITALS_AGE_MS_MAX)
}

fn answer(live: &Live, reason: Option<&'static str>) -> impl IntoResponse + use<> {
    let (code, status) = match reason {
        None => (StatusCode::OK, "ok"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
    };
    let body = Json(serde_json::json!(Health { status, node: live.hub().node_name().as_str(), reason }));
    (code, [(header::CACHE_CONTROL, "no-store")], body)
}
