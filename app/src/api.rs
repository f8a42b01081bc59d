//! Server functions. Each can be called by a form without any script: success and refusal both lead back to the page.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};
use thiserror::Error;

/// Where the server functions are mounted.
pub const SERVER_FN_PREFIX: &str = "/fn";

/// A form's input was refused. It carries the text, so that a page without script can show it again.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Refused {
    /// For the visitor: what is wrong, and what is allowed.
    pub reason: String,
    /// What was written.
    pub text: String,
}

impl FromServerFnError for Refused {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let reason = match error {
            ServerFnErrorErr::Request(_) => "the server was not reached: try again when the page is live".to_owned(),
            other => format!("that did not work: {other}"),
        };
        Self { reason, text: String::new() }
    }
}

/// Adds one to this node's counter: asks the actor that owns it.
///
/// # Errors
/// When the actor is being restarted, or too busy to answer.
#[server(prefix = "/fn", endpoint = "add_one")]
pub async fn add_one() -> Result<u64, Refused> {
    let refused = |reason: String| Refused { reason, text: String::new() };
    let node = use_context::<crate::node::NodeHandle>()
        .ok_or_else(|| refused("this server runs without its node actor".to_owned()))?;
    node.add(1).await.map_err(|error| refused(error.to_string()))
}

/// Publishes a message to everyone.
///
/// # Errors
/// When the message breaks a rule; the text comes back with the reason.
#[server(prefix = "/fn", endpoint = "say")]
pub async fn say(
    /// One line of plain text.
    text: String,
) -> Result<(), Refused> {
    use crate::topics::{MESSAGES, Message};
    // Without script the text travels back in an address, which has a length that servers take: what is far too long
    // comes back cut.
    let kept: String = text.chars().take(4 * crate::topics::MESSAGE_CHARS_MAX).collect();
    let refuse = |reason: String| Refused { reason, text: kept.clone() };
    let hub = use_context::<tidings::Hub>().ok_or_else(|| refuse("this server runs without a hub".to_owned()))?;
    let who = use_context::<tidings::Principal>().unwrap_or_default();
    let topic = MESSAGES.at();
    let name = topic.name().map_err(|error| refuse(error.to_string()))?;
    let body = serde_json::to_string(&Message { text: text.clone() }).map_err(|error| refuse(error.to_string()))?;
    // The same door as everybody's: the topic's rules decide, whoever brings the message.
    match hub.write(&who, name, &body, tidings::PublishOptions::default()) {
        Ok(_) => Ok(()),
        Err(error) => {
            status_of_refusal();
            Err(refuse(error.to_string()))
        }
    }
}

/// Makes a card with the lowest number that is free.
///
/// # Errors
/// When the title breaks a rule, or the board is full; the title comes back with the reason.
#[server(prefix = "/fn", endpoint = "add_card")]
pub async fn add_card(
    /// Which board.
    board: u32,
    /// The card's title.
    title: String,
) -> Result<(), Refused> {
    use crate::topics::{ACTIVITY, CARDS_MAX, Message, TITLE};
    use std::sync::{Mutex, PoisonError};
    /// Two that look for a number at once would find the same. Never held across an await.
    static ADDING: Mutex<()> = Mutex::new(());
    let kept: String = title.chars().take(4 * crate::topics::TITLE_CHARS_MAX).collect();
    let refuse = |reason: String| {
        status_of_refusal();
        Refused { reason, text: kept.clone() }
    };
    let hub = use_context::<tidings::Hub>().ok_or_else(|| refuse("this server runs without a hub".to_owned()))?;
    let who = use_context::<tidings::Principal>().unwrap_or_default();
    let body = serde_json::to_string(&title).map_err(|error| refuse(error.to_string()))?;
    let card = loop {
        let (topic, card, published) = {
            let _alone = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
            let free = (1..=CARDS_MAX).find(|card| hub.value(&TITLE.at(board, card)).is_none());
            let card = free.ok_or_else(|| refuse(format!("the board is full: it has {CARDS_MAX} cards")))?;
            let topic = TITLE.at(board, card);
            let name = topic.name().map_err(|error| refuse(error.to_string()))?.clone();
            let published = hub.write(&who, &name, &body, tidings::PublishOptions::default());
            (name, card, published.map_err(|error| refuse(error.to_string()))?)
        };
        // Somebody may find the same number on another node at this moment. Once all nodes have seen both titles, the
        // newer one stands on all of them, and the other's maker looks for another number. A node that does not answer
        // is not waited for longer than the hub does.
        let others = hub.nodes().iter().filter(|node| node.state == tidings::MemberState::Up).count();
        let _ = hub.replicated(&published, others).await;
        let stands = |entry: &std::sync::Arc<tidings::Entry>| entry.version.origin() == published.version.origin();
        if hub.snapshot(&topic, 1).entries.first().is_none_or(stands) {
            break card;
        }
    };
    let text = format!("Card {card} was made: {title}");
    hub.publish(&ACTIVITY.at(board), &Message { text }).map_err(|error| refuse(error.to_string()))?;
    Ok(())
}

/// A refusal is the writer's error, not the server's. A form without script is led back to its page instead, with a
/// redirect that another status would undo.
#[cfg(feature = "ssr")]
fn status_of_refusal() {
    let redirects = use_context::<http::request::Parts>().is_none_or(|parts| {
        let accept = parts.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/html"))
    });
    if !redirects && let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::UNPROCESSABLE_ENTITY);
    }
}
