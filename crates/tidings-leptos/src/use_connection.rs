//! `use_connection`: how the page's one stream is doing.

use leptos::prelude::*;

use crate::{provide::use_live, status::Link};

/// What [`use_connection`] returns.
#[derive(Debug, Clone, Copy)]
pub struct UseConnection {
    /// How the stream is doing.
    pub link: Signal<Link>,
    /// The node that serves it, once one did.
    pub node: Signal<Option<String>>,
    /// Seconds until the next try, while offline.
    pub retry_in_s: Signal<Option<u32>>,
    /// How often the server knew less than the page: it was restarted, and its past is lost.
    pub rewound: Signal<u32>,
    /// The server is of another build than the page: offer to reload.
    pub outdated: Signal<bool>,
    /// How many events the stream has brought, beats included: for an indicator that moves when, and only when,
    /// something came.
    pub heard: Signal<u32>,
}

/// Tells how the page's stream is doing, for a pill in the corner.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::{UseConnection, use_connection};
///
/// #[component]
/// fn Pill() -> impl IntoView {
///     let UseConnection { link, .. } = use_connection();
///     view! { <p role="status" data-state=move || link.get().as_str()>{move || link.get().as_str()}</p> }
/// }
/// ```
///
/// # Server-Side Rendering
/// [`Link::None`] on the server and in the browser's first render.
#[must_use]
pub fn use_connection() -> UseConnection {
    let Some(context) = use_live("use_connection") else {
        return UseConnection {
            link: Signal::stored(Link::None),
            node: Signal::stored(None),
            retry_in_s: Signal::stored(None),
            rewound: Signal::stored(0),
            outdated: Signal::stored(false),
            heard: Signal::stored(0),
        };
    };
    let retry_in_s = Signal::derive(move || {
        let left_ms = context.retry_at_ms.get()? - context.now_ms.get()?;
        Some((left_ms / 1000.0).ceil().max(0.0) as u32)
    });
    UseConnection {
        link: context.link.into(),
        node: context.node.into(),
        retry_in_s,
        rewound: context.rewound.into(),
        outdated: context.outdated.into(),
        heard: context.heard.into(),
    }
}
