//! `use_topics`: the values of all State topics of a pattern, row by row.

use std::collections::BTreeMap;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use tidings_wire::{Painted, State, TopicName, Version};

use crate::{
    page::{Depth, News},
    shown::Shown,
    status::TopicStatus,
    topic::{IntoTopics, age_s, all, hold_topic},
};

/// One topic of a pattern. Cheap to clone; a clone is the same row.
pub struct TopicRow<T: 'static> {
    topic: TopicName,
    shown: ArcRwSignal<Shown<T>>,
}

impl<T> Clone for TopicRow<T> {
    fn clone(&self) -> Self {
        Self { topic: self.topic.clone(), shown: self.shown.clone() }
    }
}

impl<T> PartialEq for TopicRow<T> {
    fn eq(&self, other: &Self) -> bool {
        self.topic == other.topic && self.shown == other.shown
    }
}

impl<T> std::fmt::Debug for TopicRow<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TopicRow").field(&self.topic).finish()
    }
}

impl<T: Send + Sync + 'static> TopicRow<T> {
    fn new(topic: &TopicName) -> Self {
        Self { topic: topic.clone(), shown: ArcRwSignal::new(Shown::default()) }
    }

    /// Names the row, for `<For>`. [`Topic::params`](tidings_wire::Topic::params) reads its parameters.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Looks at the value; `None` where this build cannot read it. Tracks this row alone.
    pub fn with<U>(&self, look: impl FnOnce(Option<&T>) -> U) -> U {
        self.shown.with(|shown| look(shown.value()))
    }

    /// The value. Tracks this row alone.
    #[must_use]
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// The value's version on the server. Tracks this row alone.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.shown.with(|shown| shown.version)
    }

    /// Whether the value is one that this page has just written, and the server has not confirmed it. Tracks this row
    /// alone.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.shown.with(Shown::is_pending)
    }

    /// Whether the newest value is one that this build cannot read. Tracks this row alone.
    #[must_use]
    pub fn is_incompatible(&self) -> bool {
        self.shown.with(|shown| shown.unreadable)
    }
}

/// What [`use_topics`] returns.
pub struct UseTopics<T: Send + Sync + 'static> {
    /// The rows, by name. It changes when a topic comes or goes, and not when a value does.
    pub rows: Signal<Vec<TopicRow<T>>>,
    /// How the pattern is doing.
    pub status: Signal<TopicStatus>,
    /// Seconds since the newest value was published; `None` without one.
    pub age_s: Signal<Option<f64>>,
    /// The newest version of all rows: grows with each newer value.
    pub version: Signal<Option<Version>>,
}

impl<T: Send + Sync + 'static> Clone for UseTopics<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for UseTopics<T> {}

impl<T: Send + Sync + 'static> std::fmt::Debug for UseTopics<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UseTopics").finish_non_exhaustive()
    }
}

/// Options of [`use_topics_with_options`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UseTopicsOptions {
    /// Whether a write of this page ([`use_publish`](crate::use_publish)) is shown at once, before the server has it.
    /// Default: yes.
    pub optimistic: bool,
}

impl Default for UseTopicsOptions {
    fn default() -> Self {
        Self { optimistic: true }
    }
}

impl UseTopicsOptions {
    /// Sets [`optimistic`](Self::optimistic).
    #[must_use]
    pub fn optimistic(mut self, optimistic: bool) -> Self {
        self.optimistic = optimistic;
        self
    }
}

/// A pattern's rows by name, and whether each is shown.
struct Rows<T: 'static>(BTreeMap<TopicName, (TopicRow<T>, bool)>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Rows<T> {
    /// Begins with what was painted.
    fn paint(&mut self, painted: &Painted) {
        for item in &painted.items {
            let Some(topic) = &item.topic else { continue };
            let row = TopicRow::new(topic);
            row.shown.update(|shown| shown.paint(item));
            self.0.insert(topic.clone(), (row, true));
        }
    }

    /// Acts on what the page tells of one topic: its row hears of it and no other. Says whether a row came or went.
    fn tell(&mut self, topic: &TopicName, news: &News, optimistic: bool) -> bool {
        let known = self.0.get(topic).cloned();
        let row = known.as_ref().map_or_else(|| TopicRow::new(topic), |(row, _)| row.clone());
        row.shown.maybe_update(|shown| shown.tell(news, optimistic));
        let (is_empty, is_pending) = row.shown.with_untracked(|shown| (shown.is_empty(), shown.is_pending()));
        let was_shown = known.is_some_and(|(_, was_shown)| was_shown);
        if is_empty && !is_pending {
            self.0.remove(topic);
        } else {
            // Cleared here, and not confirmed: not shown, and kept for the case that the server refuses.
            self.0.insert(topic.clone(), (row, !is_empty));
        }
        was_shown == is_empty
    }

    /// Those that have something to show.
    fn shown(&self) -> impl Iterator<Item = &TopicRow<T>> {
        self.0.values().filter(|(_, is_shown)| *is_shown).map(|(row, _)| row)
    }
}

/// Holds all State topics of a pattern, as rows: a change of one value re-renders one row.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::{UseTopics, use_topics, wire::{State, topics}};
///
/// topics! { pub TITLE(board: u32, card: u64): State<String> = "board/{board}/card/{card}/title"; }
///
/// #[component]
/// fn Titles(#[prop(into)] board: Signal<u32>) -> impl IntoView {
///     let UseTopics { rows, .. } = use_topics(move || TITLE.all(board.get()));
///     view! {
///         <p>{move || rows.with(Vec::len)}" cards"</p>
///         <ul><For each=move || rows.get() key=|row| row.topic().clone() let:row>
///             <li>{move || row.get()}</li>
///         </For></ul>
///     }
/// }
/// ```
/// Topics that begin later join by themselves; a topic that loses its value, or is cleared by this page, loses its row. Each row has its value and
/// its version; what is derived of many rows reads each of them, and is computed again when one of them changes.
///
/// # Server-Side Rendering
/// All values are read under one cursor and written into the page, those that the visitor may read. Otherwise as for
/// [`use_topic`](crate::use_topic).
pub fn use_topics<T, M>(topics: impl IntoTopics<State<T>, M>) -> UseTopics<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    use_topics_with_options(topics, UseTopicsOptions::default())
}

/// [`use_topics`] with options.
pub fn use_topics_with_options<T, M>(topics: impl IntoTopics<State<T>, M>, options: UseTopicsOptions) -> UseTopics<T>
where
    T: DeserializeOwned + Send + Sync + 'static,
{
    let optimistic = options.optimistic;
    let rows = RwSignal::new(Rows::<T>::default());
    let on_news = move |news: &News| {
        let topic = match news {
            News::Item(item) => &item.topic,
            News::Nothing(topic) | News::Drafts(topic, _) => topic,
            _ => return,
        };
        rows.try_maybe_update(|rows| (rows.tell(topic, news, optimistic), ()));
    };
    let on_move = move || {
        rows.try_set(Rows::default());
    };
    let (held, painted) = hold_topic("use_topics", all(topics.into_topics()), Depth::Newest, on_news, on_move);
    if let Some(painted) = &painted {
        // Nothing has subscribed yet: these are the first render's rows on both sides.
        rows.update(|rows| rows.paint(painted));
    }
    let version = Memo::new(move |_| {
        // The rows by themselves: the list is not held while each of them is looked at.
        let rows: Vec<_> = rows.with(|rows| rows.shown().cloned().collect());
        rows.iter().filter_map(TopicRow::version).max()
    });
    UseTopics {
        age_s: age_s(held.context, move || version.get().map(Version::ms), painted.as_ref()),
        version: version.into(),
        rows: Signal::derive(move || rows.with(|rows| rows.shown().cloned().collect())),
        status: Signal::derive(move || match held.status.get() {
            TopicStatus::Live if rows.with(|rows| rows.shown().next().is_none()) => TopicStatus::Missing,
            status => status,
        }),
    }
}

#[cfg(test)]
mod tests;
