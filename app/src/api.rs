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

/// Adds one to a node's counter: asks the actor that owns it, wherever it runs.
///
/// # Errors
/// When there is no such node, or its actor does not answer.
#[server(prefix = "/fn", endpoint = "add_to")]
pub async fn add_to(
    /// Whose counter.
    node: String,
) -> Result<u64, Refused> {
    order(&node, crate::node::Order::Add(1)).await
}

/// Crashes a node's actor, as a bug would. Its supervisor starts it again.
///
/// # Errors
/// When there is no such node, or its actor does not answer.
#[server(prefix = "/fn", endpoint = "crash")]
pub async fn crash(
    /// Whose actor.
    node: String,
) -> Result<u64, Refused> {
    order(&node, crate::node::Order::Crash).await
}

/// Makes a fault on purpose, or ends it: where the server was started for a demonstration, by who knows its token.
///
/// # Errors
/// When the token is wrong, a node is not there, or does not answer.
#[server(prefix = "/fn", endpoint = "fault")]
pub async fn make_fault(
    /// What the cluster was started with.
    token: String,
    /// `cut`, `slow` or `heal`, of the link between two nodes; `stop`, of the first of them.
    what: String,
    /// A node.
    first: String,
    /// Another one.
    second: String,
) -> Result<(), Refused> {
    use crate::node::Order;
    let demo = use_context::<crate::node::Demo>();
    let demo = demo.ok_or_else(|| refused("this server was started without TIDINGS_DEMO_TOKEN".to_owned()))?;
    if demo.unlock(&token).is_none() {
        return Err(refused("that is not the token: it is printed where the cluster was started".to_owned()));
    }
    let handle = node_handle()?;
    let (first, second) = (node_name(&first)?, node_name(&second)?);
    let make: fn(tidings_wire::NodeName) -> Order = match what.as_str() {
        "cut" => Order::Cut,
        "slow" => Order::Delay,
        "heal" => Order::Heal,
        "stop" => {
            let stopped = handle.order(&first, Order::Stop).await;
            return stopped.map(drop).map_err(|error| refused(error.to_string()));
        }
        other => return Err(refused(format!("{other:?} is nothing that can be done: cut, slow, heal or stop is"))),
    };
    if first == second {
        return Err(refused("a link has two ends: choose two nodes".to_owned()));
    }
    // The end that is here: the last to be cut, and the first to be healed, for the other is reached through it.
    let as_named = (first == *handle.node()) == (what == "heal");
    let (first, second) = if as_named { (first, second) } else { (second, first) };
    let refuse = |error: crate::node::NodeError| refused(error.to_string());
    handle.order(&first, make(second.clone())).await.map_err(refuse)?;
    if let Err(error) = handle.order(&second, make(first.clone())).await {
        return Err(match error {
            crate::node::NodeError::Ask(_) if what == "heal" => refused(format!(
                "healed at {first}. {second} is not reached through the cut: its end heals by itself within 30 s, or now \
                 from the page of a third node"
            )),
            error => refuse(error),
        });
    }
    Ok(())
}

/// Has a node's actor do something.
#[cfg(feature = "ssr")]
async fn order(node: &str, order: crate::node::Order) -> Result<u64, Refused> {
    let (handle, node) = (node_handle()?, node_name(node)?);
    handle.order(&node, order).await.map_err(|error| refused(error.to_string()))
}

#[cfg(feature = "ssr")]
fn node_handle() -> Result<crate::node::NodeHandle, Refused> {
    use_context().ok_or_else(|| refused("this server runs without its node actor".to_owned()))
}

#[cfg(feature = "ssr")]
fn node_name(name: &str) -> Result<tidings_wire::NodeName, Refused> {
    name.parse().map_err(|error| refused(format!("{name:?} is no node's name: {error}")))
}

/// A refusal of something that has no text to be given back.
#[cfg(feature = "ssr")]
fn refused(reason: String) -> Refused {
    status_of_refusal();
    Refused { reason, text: String::new() }
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

/// Says something in a room of the chat.
///
/// # Errors
/// When the line breaks a rule, or comes too fast after others; the text comes back with the reason.
#[server(prefix = "/fn", endpoint = "say_in")]
pub async fn say_in(
    /// Which room.
    room: String,
    /// One line of plain text.
    text: String,
) -> Result<(), Refused> {
    let kept: String = text.chars().take(4 * crate::topics::MESSAGE_CHARS_MAX).collect();
    let refuse = |reason: String| {
        status_of_refusal();
        Refused { reason, text: kept.clone() }
    };
    let hub = use_context::<tidings::Hub>().ok_or_else(|| refuse("this server runs without a hub".to_owned()))?;
    let guest = guest().map_err(refuse)?;
    crate::chat::say(&hub, &guest, &room, &text).map_err(refuse)
}

/// A guest takes another name and colour, for all tabs of the browser.
///
/// # Errors
/// When the name breaks a rule; it comes back with the reason.
#[server(prefix = "/fn", endpoint = "be_called")]
pub async fn be_called(
    /// One line of plain text.
    name: String,
    /// One of the colours, by its number.
    colour: u8,
) -> Result<crate::guest::Guest, Refused> {
    use crate::guest::{COLOURS, Guest, Guests, NAME_CHARS_MAX, check_name};
    let kept: String = name.chars().take(4 * NAME_CHARS_MAX).collect();
    let refuse = |reason: String| {
        status_of_refusal();
        Refused { reason, text: kept.clone() }
    };
    let before = guest().map_err(refuse)?;
    check_name(&name).map_err(refuse)?;
    if usize::from(colour) >= COLOURS.len() {
        return Err(refuse(format!("there are {} colours, from 0 on", COLOURS.len())));
    }
    let guest = Guest { name, colour, ..before };
    let cookie = use_context::<Guests>().and_then(|guests| guests.set_cookie(&guest));
    let (Some(cookie), Some(response)) = (cookie, use_context::<leptos_axum::ResponseOptions>()) else {
        return Err(refuse("this server knows no guests".to_owned()));
    };
    response.append_header(http::header::SET_COOKIE, cookie);
    Ok(guest)
}

/// Who asks.
#[cfg(feature = "ssr")]
fn guest() -> Result<crate::guest::Guest, String> {
    let unknown = "this browser has sent no cookie of ours: allow cookies, and load the page again";
    use_context().ok_or_else(|| unknown.to_owned())
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
    use crate::{
        board::Column,
        topics::{ACTIVITY, CARDS_MAX, COLUMN, Message, PLACE, TITLE, check_title, is_board_number},
    };
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
    if !is_board_number(board) {
        return Err(refuse("there is no such board".to_owned()));
    }
    check_title(&title).map_err(refuse)?;
    let body = serde_json::to_string(&title).map_err(|error| refuse(error.to_string()))?;
    let card = loop {
        let (topic, card, published) = {
            let _alone = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
            let free = (1..=CARDS_MAX).find(|card| hub.value(&TITLE.at(board, card)).is_none());
            let card = free.ok_or_else(|| refuse(format!("the board is full: it has {CARDS_MAX} cards")))?;
            // Before the title, with which the card begins to be there: what an earlier card of this number has left
            // does not count.
            hub.publish(&COLUMN.at(board, card), &Column::default()).map_err(|error| refuse(error.to_string()))?;
            hub.publish(&PLACE.at(board, card), &end_of_board(&hub, board, card))
                .map_err(|error| refuse(error.to_string()))?;
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

/// The place after all cards of the first column.
#[cfg(feature = "ssr")]
fn end_of_board(hub: &tidings::Hub, board: u32, card: u32) -> crate::board::Place {
    use crate::{
        board::{Column, Place},
        topics::{CARDS_MAX, COLUMN, PLACE, TITLE},
    };
    let is_there = |card: &u32| hub.value(&TITLE.at(board, *card)).is_some();
    let is_first = |card: &u32| hub.value(&COLUMN.at(board, *card)).unwrap_or_default() == Column::default();
    let place = |card| hub.value(&PLACE.at(board, card)).unwrap_or_else(|| Place::of_new(card));
    let last = (1..=CARDS_MAX).filter(is_there).filter(is_first).map(place).max();
    Place::between(last.as_ref(), None, card).unwrap_or_else(|| Place::of_new(card))
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
