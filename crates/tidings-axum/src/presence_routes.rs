//! `GET /api/presence/{*topic}`: who is present, for everyone who is no page.

use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde::Serialize;
use tidings::wire::{PresenceEntry, TopicName};

use crate::{ApiError, Live, presence::entry, routes::topic_of};

const PREFIX: &str = "/api/presence/";

/// `GET /api/presence/{*topic}`: who is present on a topic, on whatever node. Pages see it on their stream.
pub fn presence_routes<S>(live: Live) -> Router<S> {
    Router::new().route("/api/presence/{*topic}", get(present)).with_state(live)
}

/// What `GET /api/presence/…` answers.
#[derive(Serialize)]
struct PresentBody {
    topic: TopicName,
    /// How many different keys there are: people, where a key is one.
    keys: usize,
    /// By key and id.
    entries: Vec<PresenceEntry>,
}

async fn present(State(live): State<Live>, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let topic = topic_of(&parts.uri, PREFIX)?;
    if !live.may_see_presences(&live.principal(&parts), &topic) {
        let message = format!("who is present on {topic} is not told to you: it is not declared, or closed to you");
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message));
    }
    let entries = live.present(&topic);
    let mut keys: Vec<_> = entries.iter().map(|entry| &entry.key).collect();
    keys.dedup();
    let body = PresentBody { keys: keys.len(), topic, entries };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

impl Live {
    /// Whether somebody outside may see who is present on a topic.
    pub(crate) fn may_see_presences(&self, who: &tidings::Principal, topic: &TopicName) -> bool {
        !crate::letters::is_ours(topic) && self.hub().may_see_presences(who, topic)
    }

    /// Who is present on a topic, as somebody outside is told.
    pub(crate) fn present(&self, topic: &TopicName) -> Vec<PresenceEntry> {
        // A topic's name is valid.
        let all = self.hub().presences(topic.as_str()).unwrap_or_default();
        all.iter().map(|presence| entry(presence, None)).collect()
    }
}
