//! `provide_live`: once, at the root of the app.

use leptos::{prelude::*, server::SharedValue};
use tidings_wire::{SharedPaint, live::DEFAULT_PREFIX};

use crate::{local::Locals, status::Link};

/// How the page's stream is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LiveOptions {
    /// Where the server mounts the routes of `tidings_axum::page_routes`. Default `/_tidings`.
    pub prefix: String,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { prefix: DEFAULT_PREFIX.to_owned() }
    }
}

impl LiveOptions {
    /// Sets [`prefix`](Self::prefix).
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }
}

/// What all hooks of a page share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveContext {
    pub(crate) link: RwSignal<Link>,
    /// The node that serves the stream.
    pub(crate) node: RwSignal<Option<String>>,
    /// The server's clock as far as the browser knows it, once a second, in milliseconds. `None` before the browser
    /// has taken over.
    pub(crate) now_ms: RwSignal<Option<f64>>,
    /// When the next try is due, by the same clock.
    pub(crate) retry_at_ms: RwSignal<Option<f64>>,
    /// How often the node knew less than the page.
    pub(crate) rewound: RwSignal<u32>,
    /// The server is of another build than the page.
    pub(crate) outdated: RwSignal<bool>,
    /// Another tab is in front, or the screen is off.
    pub(crate) hidden: RwSignal<bool>,
    /// How many events the stream has brought; grows when something came, and only then.
    pub(crate) heard: RwSignal<u32>,
    /// The Local topics of the page.
    pub(crate) locals: StoredValue<Locals>,
}

/// Makes topics live in all components below. Call it once, in the app's root component.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::provide_live;
///
/// #[component]
/// fn App() -> impl IntoView {
///     provide_live();
///     view! { <main>"…"</main> }
/// }
/// ```
///
/// # Server-Side Rendering
/// On the server it only provides the context. In the browser it opens one stream for the page once
/// the first topic is held.
pub fn provide_live() {
    provide_live_with_options(LiveOptions::default());
}

/// [`provide_live`] with options.
pub fn provide_live_with_options(options: LiveOptions) {
    let context = LiveContext {
        link: RwSignal::new(Link::None),
        node: RwSignal::new(None),
        now_ms: RwSignal::new(None),
        retry_at_ms: RwSignal::new(None),
        rewound: RwSignal::new(0),
        outdated: RwSignal::new(false),
        hidden: RwSignal::new(false),
        heard: RwSignal::new(0),
        locals: StoredValue::new(Locals::new()),
    };
    provide_context(context);
    // The build that made the page; where the browser renders by itself, the first stream's.
    let build = SharedValue::new(|| use_context::<SharedPaint>().map(|paint| paint.build())).into_inner();
    #[cfg(all(feature = "browser", target_arch = "wasm32"))]
    // An effect: nothing is opened before the page has been taken over.
    Effect::new(move |_| crate::browser::start(context, options.clone(), build.clone()));
    #[cfg(not(all(feature = "browser", target_arch = "wasm32")))]
    drop((options, build));
}

/// The context, or a line in the log that says what is missing.
pub(crate) fn use_live(hook: &str) -> Option<LiveContext> {
    let context = use_context::<LiveContext>();
    if context.is_none() {
        leptos::logging::warn!(
            "{hook}: no live context. Call `tidings_leptos::provide_live()` once in the root component."
        );
    }
    context
}
