//! Hooks that make Leptos components live: one stream a page, first paint without a gap.
//!
//! ```
//! use leptos::prelude::*;
//! use tidings_leptos::{UseTopic, provide_live, use_topic, wire::{State, topics}};
//!
//! topics! { pub COUNT: State<u64> = "demo/count"; }      // one crate, compiled for both sides
//!
//! #[component]
//! fn App() -> impl IntoView {
//!     provide_live();                                    // once
//!     view! { <Count/> }
//! }
//!
//! #[component]
//! fn Count() -> impl IntoView {
//!     let UseTopic { value, .. } = use_topic(COUNT.at()); // in any component
//!     view! { <output>{move || value.get()}</output> }
//! }
//! ```
//!
//! The server paints the value into the page, together with the place in the hub's log at which it
//! was read; the browser begins with that value and reads on from there. All components of a page
//! share one stream. When it breaks, what is shown stays, dims, and tells its age; the stream comes
//! back by itself, and what was missed is told, or that it cannot be.
//!
//! | hook | what it gives |
//! |---|---|
//! | [`use_topic`] | the newest value of a State topic, or of a Local one |
//! | [`use_topics`] | the values of all State topics of a pattern, row by row |
//! | [`use_log`] | the messages of an Events topic, or of a Local one |
//! | [`use_publish`] | writing to a topic: shown at once, confirmed or undone |
//! | [`use_presence`] | who is here, and being here: typing, editing, away |
//! | [`use_connection`] | how the page's stream is doing |
//!
//! Each takes a topic, a closure that makes one, or a signal of one: when the name changes, the subscription moves.
//!
//! # Features
//! - `ssr`: the server renders. Put a [`SharedPaint`](wire::SharedPaint) into the page's context
//!   (`tidings_axum::Live::paint` makes one); hooks never subscribe on the server.
//! - `hydrate`: the browser takes over what the server rendered.
//! - `csr`: the browser renders by itself; topics begin with what is retained.
//!
//! # Hazards
//! - Hold the same topics in the same order on both sides, as with any Leptos resource. A mismatch is
//!   logged, and counts as "not painted".
//! - A State topic's values may be skipped when they come faster than the page reads. Use an Events
//!   topic where each of them matters.
//! - What a page has just written is shown before the server has it. Where that must not be, say
//!   `optimistic(false)`, or look at `pending`.
//! - Who is present is told within a moment, and is never exact: a page that was cut stands in the list, fading, for some
//!   seconds. Decide nothing by it that has to be right, such as who owns a lock.
//! - A meta goes to everybody who may see the list. Put nothing into it that a list does not show.

#[cfg_attr(not(all(feature = "browser", target_arch = "wasm32")), allow(dead_code, reason = "a browser drives it"))]
mod backoff;
#[cfg(all(feature = "browser", target_arch = "wasm32"))]
mod browser;
mod local;
// Free of the browser, so that it is tested without one.
#[cfg_attr(not(all(feature = "browser", target_arch = "wasm32")), allow(dead_code, reason = "a browser drives it"))]
mod page;
mod provide;
mod shown;
mod status;
mod topic;
mod use_connection;
mod use_log;
mod use_presence;
mod use_publish;
mod use_topic;
mod use_topics;

/// Names, cursors, typed topics: what browser and server share.
pub use tidings_wire as wire;

pub use provide::{LiveOptions, provide_live, provide_live_with_options};
pub use status::{Link, TopicStatus};
pub use topic::{ByClosure, ByValue, IntoTopic, IntoTopics};
pub use use_connection::{UseConnection, use_connection};
pub use use_log::{HasLog, LogItem, LogRow, UseLog, UseLogOptions, use_log, use_log_with_options};
pub use use_presence::{PresenceRow, UsePresence, use_hidden, use_presence};
pub use use_publish::{CanPublish, PublishError, UsePublish, use_publish};
pub use use_topic::{HasValue, UseTopic, UseTopicOptions, use_topic, use_topic_with_options};
pub use use_topics::{TopicRow, UseTopics, UseTopicsOptions, use_topics, use_topics_with_options};

/// The project's README, for its code blocks to be tested.
#[cfg(all(doctest, feature = "ssr"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
