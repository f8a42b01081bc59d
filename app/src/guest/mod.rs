//! Guests: who visits, without an account. A name and a colour, in a cookie that only the server can make.

#[cfg(feature = "ssr")]
mod cookie;
mod name;

use leptos::{prelude::*, server::SharedValue};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
pub use cookie::Guests;
pub(crate) use name::check_name;

/// Most characters of a guest's name.
pub const NAME_CHARS_MAX: usize = 24;

/// The colours that a guest may have, by their numbers; what they look like is in `style/people.css`.
pub const COLOURS: [&str; 8] = ["tide", "moss", "sand", "coral", "rose", "heather", "violet", "slate"];

/// Who visits: the same in all tabs of a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Unguessable, and the key under which the guest is present.
    pub id: String,
    /// One line of plain text, at most [`NAME_CHARS_MAX`] characters.
    pub name: String,
    /// One of [`COLOURS`].
    pub colour: u8,
}

/// The guest of this page; changes when the guest takes another name or colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Me(pub(crate) RwSignal<Option<Guest>>);

impl Me {
    /// Under which key the guest is present.
    pub(crate) fn key(self) -> Signal<Option<String>> {
        Signal::derive(move || self.0.with(|guest| guest.as_ref().map(|guest| guest.id.clone())))
    }
}

/// Makes the guest known to all components below. Called once, in the root component.
///
/// `None` where nobody rendered the page: the list of routes is made without a request.
pub(crate) fn provide_me() {
    let guest = SharedValue::new(use_context::<Guest>).into_inner();
    provide_context(Me(RwSignal::new(guest)));
}

/// The guest of this page.
pub(crate) fn use_me() -> Me {
    use_context::<Me>().unwrap_or_else(|| Me(RwSignal::new(None)))
}
