//! What a browser and a Tidings server share: the words, not the machinery.
//!
//! ```
//! use tidings_wire::{Events, State, topics};
//! # #[derive(serde::Serialize, serde::Deserialize, Clone)] pub struct Message { text: String }
//!
//! topics! {
//!     /// What was said in a room: the last 200 messages, for a day.
//!     pub CHAT(room: String): Events<Message> = "chat/{room}" keep 200, "1d";
//!     /// The title of a card: the newest one wins.
//!     pub TITLE(board: u32, card: u32): State<String> = "board/{board}/card/{card}/title";
//! }
//!
//! assert_eq!(TITLE.at(7, 3).as_str(), "board/7/card/3/title");
//! // A parameter cannot widen a topic: what is not plain is escaped.
//! assert_eq!(CHAT.at("a/b*").as_str(), "chat/a~2Fb~2A");
//! ```
//!
//! The crate holds
//! - [`TopicName`] and [`Pattern`]: validated names, with one spelling everywhere (URL, log, HTML);
//! - [`Topic`], [`TopicRef`] and [`topics!`]: one typed declaration for both sides;
//! - [`Cursor`], [`OriginTag`] and [`Version`]: where a reader is, and which of two values is newer;
//! - [`Reference`], [`PresenceEntry`]: who is present on a topic;
//! - [`event`]: what travels on a stream, and [`sse`]: how it is written and read as bytes;
//! - [`live`]: the requests with which a page opens its stream and changes what it holds;
//! - [`Paint`]: how a component reads the hub while the server renders, without knowing the hub.
//!
//! It compiles for the browser: no clock, no randomness, no IO.

pub mod cursor;
pub mod event;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod kind;
pub mod live;
mod name;
mod paint;
mod param;
mod pattern;
mod presence;
mod reference;
pub mod sse;
mod topic;
mod version;

pub use cursor::{Cursor, CursorError, OriginTag};
pub use kind::{Keep, TopicKind};
pub use name::{NAME_BYTES_MAX, NAME_SEGMENTS_MAX, NameError, NodeName, TopicName};
pub use paint::{Paint, Painted, PaintedItem, PaintedPresent, SharedPaint, Want};
pub use param::{Param, ParamError, decode_param, encode_param};
pub use pattern::Pattern;
pub use presence::PresenceEntry;
pub use reference::{Reference, ReferenceError};
pub use topic::{Events, Kind, Local, Remote, Retained, Signal, State, Topic, TopicPattern, TopicRef};
pub use version::{Version, VersionError};

#[doc(hidden)]
pub use topic::{History, Params, declare, keep};

/// The version of everything in this crate that travels: cursors, stream events, requests.
///
/// A page built for another version is told so by the stream's `hello` and offers to reload.
pub const WIRE_VERSION: u16 = 1;
