//! `use_topic`: the newest value of a topic.

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use tidings_wire::{Kind, Local, State, TopicRef, Version};

use crate::{
    local::use_local,
    page::{Depth, News},
    shown::Shown,
    status::TopicStatus,
    topic::{IntoTopic, age_s, hold_topic, one},
};

/// What [`use_topic`] returns.
pub struct UseTopic<T: Send + Sync + 'static> {
    /// The newest value; kept while the stream is away.
    pub value: Signal<Option<T>>,
    /// How the topic is doing.
    pub status: Signal<TopicStatus>,
    /// Seconds since the value was published; `None` without a value, and for a Local topic.
    pub age_s: Signal<Option<f64>>,
    /// The value's version on the server, or in this browser for a Local topic: grows with each newer value.
    pub version: Signal<Option<Version>>,
    /// The value is one that this page has just written, and the server has not confirmed it.
    pub pending: Signal<bool>,
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

/// Options of [`use_topic_with_options`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UseTopicOptions<T> {
    /// What is shown while the topic has no value. Default: nothing.
    pub initial: Option<T>,
    /// Whether a write of this page ([`use_publish`](crate::use_publish)) is shown at once, before the server has it.
    /// Default: yes.
    pub optimistic: bool,
}

impl<T> Default for UseTopicOptions<T> {
    fn default() -> Self {
        Self { initial: None, optimistic: true }
    }
}

impl<T> UseTopicOptions<T> {
    /// Sets [`initial`](Self::initial).
    #[must_use]
    pub fn initial(mut self, value: T) -> Self {
        self.initial = Some(value);
        self
    }

    /// Sets [`optimistic`](Self::optimistic).
    #[must_use]
    pub fn optimistic(mut self, optimistic: bool) -> Self {
        self.optimistic = optimistic;
        self
    }
}

/// Kinds of topics that have a newest value: [`State`] and [`Local`].
pub trait HasValue: Kind + Sized
where
    Self::Payload: Send + Sync,
{
    #[doc(hidden)]
    fn use_value(topic: Signal<TopicRef<Self>>, options: UseTopicOptions<Self::Payload>) -> UseTopic<Self::Payload>;
}

/// Holds a topic's newest value: paints it on the server, and keeps it current in the page.
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
/// Values in between may be skipped when they come faster than the page reads; the newest never is,
/// and an older one never replaces a newer, unless the server has lost its past.
/// The topic is released when the component is disposed of; several components that hold one topic
/// share one subscription.
///
/// A [`Local`] topic connects the components of one page: what one publishes, all show. It has a
/// value for as long as some component uses it, and never leaves the browser.
///
/// # Server-Side Rendering
/// On the server the value is read once, and written into the page with the hub's cursor; the
/// browser begins with the same value, and its stream after that cursor. A component must hold the
/// same topics in the same order on both sides, as with any Leptos resource. A Local topic has no
/// value there: its [`initial`](UseTopicOptions::initial) one is painted.
pub fn use_topic<K, M>(topic: impl IntoTopic<K, M>) -> UseTopic<K::Payload>
where
    K: HasValue,
    K::Payload: Send + Sync,
{
    use_topic_with_options(topic, UseTopicOptions::default())
}

/// [`use_topic`] with options.
///
/// ```
/// use tidings_leptos::{UseTopic, UseTopicOptions, use_topic_with_options, wire::{Local, topics}};
///
/// topics! { pub PICKED(board: u32): Local<u64> = "board/{board}/picked"; }
///
/// # fn component() {
/// let UseTopic { value, .. } = use_topic_with_options(PICKED.at(7), UseTopicOptions::default().initial(1));
/// # }
/// ```
pub fn use_topic_with_options<K, M>(
    topic: impl IntoTopic<K, M>,
    options: UseTopicOptions<K::Payload>,
) -> UseTopic<K::Payload>
where
    K: HasValue,
    K::Payload: Send + Sync,
{
    K::use_value(topic.into_topic(), options)
}

impl<T: DeserializeOwned + Send + Sync + Clone + 'static> HasValue for State<T> {
    fn use_value(topic: Signal<TopicRef<Self>>, options: UseTopicOptions<T>) -> UseTopic<T> {
        let UseTopicOptions { initial, optimistic } = options;
        let shown = RwSignal::new(Shown::<T>::default());
        let on_news = move |news: &News| {
            shown.try_maybe_update(|shown| (shown.tell(news, optimistic), ()));
        };
        let on_move = move || {
            shown.try_set(Shown::default());
        };
        let (held, painted) = hold_topic("use_topic", one(topic), Depth::Newest, on_news, on_move);
        if let Some(item) = painted.as_ref().and_then(|painted| painted.items.last()) {
            // Nothing has subscribed yet: this is the first render's value on both sides.
            shown.update(|shown| shown.paint(item));
        }
        let status = Signal::derive(move || match held.status.get() {
            TopicStatus::Forbidden => TopicStatus::Forbidden,
            _ if shown.with(|shown| shown.unreadable) => TopicStatus::Incompatible,
            TopicStatus::Live if shown.with(Shown::is_empty) => TopicStatus::Missing,
            status => status,
        });
        let version = Signal::derive(move || shown.with(|shown| shown.version));
        UseTopic {
            value: Signal::derive(move || shown.with(|shown| shown.value().cloned()).or_else(|| initial.clone())),
            status,
            age_s: age_s(held.context, move || version.get().map(Version::ms), painted.as_ref()),
            version,
            pending: Signal::derive(move || shown.with(Shown::is_pending)),
        }
    }
}

impl<T: Send + Sync + Clone + 'static> HasValue for Local<T> {
    fn use_value(topic: Signal<TopicRef<Self>>, options: UseTopicOptions<T>) -> UseTopic<T> {
        let local = use_local("use_topic", topic);
        let newest = move || local.with(|local| local.newest());
        UseTopic {
            value: Signal::derive(move || newest().map(|(_, value)| value).or_else(|| options.initial.clone())),
            status: Signal::derive(move || match newest() {
                Some(_) => TopicStatus::Live,
                None => TopicStatus::Missing,
            }),
            age_s: Signal::stored(None),
            version: Signal::derive(move || newest().map(|(version, _)| version)),
            pending: Signal::stored(false),
        }
    }
}
