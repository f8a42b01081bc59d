//! The cluster as its nodes tell it, and what a page makes of that. The same on server and browser, and without either.

mod told;
mod view;

pub use told::{Fare, Seen, Sees, Trouble};
pub(crate) use view::{GONE_MS, LinkView, NodeView, Told, dots, links, nodes, places};
