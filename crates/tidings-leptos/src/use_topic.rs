//! `use_topic`: the newest value of a State topic.

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use tidings_wire::{Painted, State, Version, event::GapCause};

use crate::{
    page::{Depth, News},
    status::TopicStatus,
    topic::{IntoTopic, hold_topic},
};

/// What [`use_topic`] returns.
pub struct UseTopic<T: Send + Sync + 'static> {
    /// The newest value; kept while the stream is away.
    pub value: Signal<Option<T>>,
    /// How the topic is doing.
    pub status: Signal<TopicStatus>,
    /// Seconds since the value was published; `None` without a value.
    pub age_s: Signal<Option<f64>>,
    /// The value's version: grows with each newer value.
    pub version: Signal<Option<Version>>,
}

impl<T: Send + Sync + 'static> Clone for UseTopic<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for UseTopic<T> {}

impl<T: Send + Sync + 'static> std::fmt::Debug for UseTopic<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UseTopic").finish_non_exhaustive()
    }
}

/// Holds a State topic: paints its value on the server, and keeps it current in the page.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::{UseTopic, use_topic, wire::{State, topics}};
///
/// topics! { pub TITLE(board: u32): State<String> = "board/{board}/title"; }
///
/// #[component]
/// fn Title(#[prop(into)] board: Signal<u32>) -> impl IntoView {
///     // The name is a closure: when `board` changes, the subscription moves.
///     let UseTopic { value, status, .. } = use_topic(move || TITLE.at(board.get()));
///     view! { <h1 data-status=move || status.get().as_str()>{move || value.get()}</h1> }
/// }
/// ```
/// A topic of another kind, and a name that stands for many, do not compile:
/// ```compile_fail,E0277
/// # use tidings_leptos::{use_topic, wire::{Events, topics}};
/// # topics! { CHAT(room: String): Events<String> = "chat/{room}"; }
/// let title = use_topic::<String, _>(CHAT.at("lobby"));
/// ```
/// ```compile_fail,E0277
/// # use tidings_leptos::{use_topic, wire::{State, topics}};
/// # topics! { TITLE(board: u32): State<String> = "board/{board}/title"; }
/// let title = use_topic::<String, _>(TITLE.family());
/// ```
/// Values in between may be skipped when they come faster than the page reads; the newest never is.
/// The topic is released when the component is disposed of; several components that hold one topic
/// share one subscription.
///
/// # Server-Side Rendering
/// On the server the value is read once, and written into the page with the hub's cursor; the
/// browser begins with the same value, and its stream after that cursor. A component must hold the
/// same topics in the same order on both sides, as with any Leptos resource.
pub fn use_topic<T, M>(topic: impl IntoTopic<State<T>, M>) -> UseTopic<T>
where
    T: DeserializeOwned + Send + Sync + Clone + 'static,
{
    let topic = topic.into_topic();
    let value = RwSignal::new(None::<T>);
    let version = RwSignal::new(None::<Version>);
    let undecodable = RwSignal::new(false);
    // The newest version told since the last rewind: what is shown never goes back in time but then.
    let newest = StoredValue::new(None::<Version>);
    let on_update = move |update: &News| match update {
        News::Item(item) if newest.try_get_value().flatten() > Some(item.version) => {}
        News::Item(item) => match serde_json::from_str(item.data.get()) {
            Ok(decoded) => {
                undecodable.try_set(false);
                value.try_set(Some(decoded));
                version.try_set(Some(item.version));
                newest.try_set_value(Some(item.version));
            }
            Err(error) => {
                undecodable.try_set(true);
                leptos::logging::warn!("use_topic: a value that this build cannot read: {error}");
            }
        },
        News::Nothing => {
            value.try_set(None);
            version.try_set(None);
        }
        News::Gap(GapCause::Rewound) => {
            newest.try_set_value(None);
        }
        News::Gap(_) | News::Joined | News::Refused => {}
    };
    let on_move = move || {
        value.try_set(None);
        version.try_set(None);
        newest.try_set_value(None);
    };
    let (held, painted) = hold_topic("use_topic", topic, Depth::Newest, on_update, on_move);
    if let Some(item) = painted.as_ref().and_then(|painted| painted.items.last()) {
        // Nothing has subscribed yet: this is the first render's value on both sides.
        version.set(Some(item.version));
        newest.set_value(Some(item.version));
        match serde_json::from_str(item.data.get()) {
            Ok(decoded) => value.set(Some(decoded)),
            Err(_) => undecodable.set(true),
        }
    }
    let status = Signal::derive(move || match held.status.get() {
        TopicStatus::Forbidden => TopicStatus::Forbidden,
        _ if undecodable.get() => TopicStatus::Incompatible,
        TopicStatus::Live if version.with(Option::is_none) => TopicStatus::Missing,
        status => status,
    });
    UseTopic {
        value: value.into(),
        status,
        age_s: age_s(held.context, version.into(), painted.as_ref()),
        version: version.into(),
    }
}

/// Seconds since a version, by the server's clock: what was painted until the browser has taken over.
pub(crate) fn age_s(
    context: Option<crate::provide::LiveContext>,
    version: Signal<Option<Version>>,
    painted: Option<&Painted>,
) -> Signal<Option<f64>> {
    let painted_ms = painted.map(|painted| painted.now_ms as f64);
    Signal::derive(move || {
        let now_ms = context.and_then(|context| context.now_ms.get()).or(painted_ms)?;
        Some((now_ms - version.get()?.ms() as f64).max(0.0) / 1000.0)
    })
}
