//! `GET /api/nodes`: the nodes of the cluster, as this one sees them.

use axum::{Json, Router, extract::State, response::IntoResponse, routing::get};
use http::header;
use serde::Serialize;
use tidings::{Member, MemberState};
use tidings_axum::Live;

use crate::engine::Engine;

#[derive(Clone)]
struct Nodes {
    live: Live,
    engine: Engine,
    began_ms: u64,
}

#[derive(Serialize)]
struct Answer<'a> {
    /// The node that answers.
    node: &'a str,
    engine: &'a str,
    /// Itself, and every other that it has seen, by name.
    nodes: Vec<Member>,
}

pub(crate) fn routes<S>(live: Live, engine: Engine) -> Router<S> {
    let began_ms = live.hub().now_ms();
    Router::new().route("/api/nodes", get(nodes)).with_state(Nodes { live, engine, began_ms })
}

async fn nodes(State(state): State<Nodes>) -> impl IntoResponse {
    let hub = state.live.hub();
    let mut nodes = hub.nodes();
    nodes.push(Member {
        node: hub.node_name().clone(),
        epoch: Some(hub.epoch()),
        state: MemberState::Up,
        reason: None,
        applied: hub.published(),
        sent: 0,
        spared: 0,
        since_ms: state.began_ms,
    });
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    let answer = Answer { node: hub.node_name().as_str(), engine: state.engine.as_str(), nodes };
    ([(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!(answer)))
}
