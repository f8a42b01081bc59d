//! What a board is, without a page: columns, places in them, what is undone, and what was lost.
//!
//! A card is three State topics, one a field: title, column and place. It is there as long as it has a title; without a
//! column it stands in the first one, without a place at [its own](Place::of_new). So
//! - who renames a card and who moves it write different topics, and both are right;
//! - a move writes the column and the place of that card, and of no other one;
//! - to delete a card is to clear its topics, and to write them again brings it back;
//! - a title that is written after a deletion, by somebody who did not see it, brings the card back.

mod column;
mod mine;
mod order;
mod place;
mod undo;

pub use column::Column;
pub(crate) use mine::Mine;
pub(crate) use order::{Landing, Order, Rect, Spot, Step, landing_at};
pub use place::{PLACE_CHARS_MAX, Place};
pub(crate) use undo::{Change, Done, Undo};
