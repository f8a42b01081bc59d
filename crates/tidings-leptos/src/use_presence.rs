//! `use_presence`: who is here, and being here.

use std::{collections::BTreeMap, sync::Arc};

use leptos::{prelude::*, server::SharedValue};
use serde::{Serialize, de::DeserializeOwned};
use tidings_wire::{PaintedPresent, PresenceEntry, Remote, SharedPaint, TopicName};

use crate::{
    page::News,
    provide::use_live,
    status::{Link, TopicStatus},
    topic::{IntoTopic, one},
};

/// What is shown of an entry.
#[derive(Debug)]
struct ShownEntry<M> {
    meta: Option<M>,
    is_fading: bool,
    is_mine: bool,
}

impl<M: DeserializeOwned> ShownEntry<M> {
    fn of(entry: &PresenceEntry) -> Self {
        let meta = serde_json::from_str(entry.meta.get());
        let meta = meta
            .inspect_err(|error| leptos::logging::warn!("use_presence: a meta that this build cannot read: {error}"));
        Self { meta: meta.ok(), is_fading: entry.fading, is_mine: entry.mine }
    }
}

/// Somebody who is here. Cheap to clone; a clone is the same row.
pub struct PresenceRow<M: 'static> {
    key: Arc<str>,
    id: Arc<str>,
    shown: ArcRwSignal<ShownEntry<M>>,
}

impl<M> Clone for PresenceRow<M> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), id: self.id.clone(), shown: self.shown.clone() }
    }
}

impl<M> PartialEq for PresenceRow<M> {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.id) == (&other.key, &other.id) && self.shown == other.shown
    }
}

impl<M> std::fmt::Debug for PresenceRow<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PresenceRow").field(&self.key).field(&self.id).finish()
    }
}

impl<M: DeserializeOwned + Send + Sync + 'static> PresenceRow<M> {
    fn new(entry: &PresenceEntry) -> Self {
        let (key, id) = (entry.key.as_ref().into(), entry.id.as_ref().into());
        Self { key, id, shown: ArcRwSignal::new(ShownEntry::of(entry)) }
    }

    /// Who. Rows of one person have the same.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Names the row within its key, for `<For>`: the same for as long as its page lives.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Looks at what it says of itself; `None` where this build cannot read it. Tracks this row alone.
    pub fn with<U>(&self, look: impl FnOnce(Option<&M>) -> U) -> U {
        self.shown.with(|shown| look(shown.meta.as_ref()))
    }

    /// What it says of itself. Tracks this row alone.
    #[must_use]
    pub fn meta(&self) -> Option<M>
    where
        M: Clone,
    {
        self.with(|meta| meta.cloned())
    }

    /// Its page or its node has gone a moment ago: it leaves unless it is back within the grace. Tracks this row alone.
    #[must_use]
    pub fn is_fading(&self) -> bool {
        self.shown.with(|shown| shown.is_fading)
    }

    /// It is of this page. Tracks this row alone.
    #[must_use]
    pub fn is_mine(&self) -> bool {
        self.shown.with(|shown| shown.is_mine)
    }
}

/// What [`use_presence`] returns.
pub struct UsePresence<M: Send + Sync + 'static> {
    /// Everybody who is here, by key and id. It changes when somebody comes or goes, and not when a meta does.
    pub rows: Signal<Vec<PresenceRow<M>>>,
    /// How many different keys there are: people, where a key is one.
    pub keys: Signal<usize>,
    /// Whether this page stands in the list.
    pub is_here: Signal<bool>,
    /// How the list is doing. `Forbidden` where the visitor may not see it.
    pub status: Signal<TopicStatus>,
    /// Why this page is not present, in words for people: a rule or a limit of the server. `None` otherwise.
    pub error: Signal<Option<String>>,
}

impl<M: Send + Sync + 'static> Clone for UsePresence<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: Send + Sync + 'static> Copy for UsePresence<M> {}

impl<M: Send + Sync + 'static> std::fmt::Debug for UsePresence<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UsePresence").finish_non_exhaustive()
    }
}

/// A list's rows by key and id.
struct Rows<M: 'static>(BTreeMap<(Arc<str>, Arc<str>), PresenceRow<M>>);

impl<M> Default for Rows<M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<M: DeserializeOwned + Send + Sync + 'static> Rows<M> {
    /// Begins with what was painted, or with another list; says whether a row came or went.
    fn replace(&mut self, entries: &[PresenceEntry]) -> bool {
        let before = self.0.len();
        self.0.retain(|(key, id), _| entries.iter().any(|entry| entry.place() == (key, id)));
        let went = self.0.len() < before;
        entries.iter().fold(went, |changed, entry| self.enter(entry) | changed)
    }

    /// Somebody came, or is different: a row that is there hears of it and no other. Says whether a row came.
    fn enter(&mut self, entry: &PresenceEntry) -> bool {
        let place = (entry.key.as_ref().into(), entry.id.as_ref().into());
        match self.0.get(&place) {
            Some(row) => {
                row.shown.set(ShownEntry::of(entry));
                false
            }
            None => self.0.insert(place, PresenceRow::new(entry)).is_none(),
        }
    }

    fn leave(&mut self, key: &str, id: &str) -> bool {
        self.0.remove(&(key.into(), id.into())).is_some()
    }

    /// Acts on what the page tells; says whether a row came or went.
    fn tell(&mut self, news: &News) -> bool {
        match news {
            News::Present(entries) => self.replace(entries),
            News::Presence(diff) => {
                let went = diff.leaves.iter().fold(false, |went, (key, id)| self.leave(key, id) | went);
                diff.joins.iter().fold(went, |changed, entry| self.enter(entry) | changed)
            }
            News::Refused => !std::mem::take(&mut self.0).is_empty(),
            _ => false,
        }
    }
}

/// Shows who is present on a topic, and is present there itself for as long as the component lives.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use serde::{Deserialize, Serialize};
/// use tidings_leptos::{UsePresence, use_hidden, use_presence, wire::{Events, topics}};
///
/// topics! { pub CHAT(room: String): Events<String> = "chat/{room}" keep 200, "1d"; }
///
/// #[derive(Clone, PartialEq, Serialize, Deserialize)]
/// struct Meta { name: String, typing: bool, away: bool }
///
/// #[component]
/// fn Who(room: String, me: String, name: String, typing: Signal<bool>) -> impl IntoView {
///     let away = use_hidden();
///     let meta = Signal::derive(move || Meta { name: name.clone(), typing: typing.get(), away: away.get() });
///     let UsePresence { rows, keys, .. } = use_presence(CHAT.at(room), me, meta);
///     view! {
///         <p>{move || keys.get()}" here"</p>
///         <ul><For each=move || rows.get() key=|row| (row.key().to_owned(), row.id().to_owned()) let:row>
///             <li>{move || row.meta().map(|meta| meta.name)}</li>
///         </For></ul>
///     }
/// }
/// ```
/// The key says who it is: a user's id, for example. A person with three tabs has three rows with one key. The key may
/// be a value, or a signal; where it is `None` the page only looks. The meta is a signal (`Signal::stored` of what never
/// changes): when it changes, everybody is told, so let it be what a list shows (typing, editing, away) and not every stroke of a key.
///
/// What a page leaves by itself (its component is gone, its key is another) is told at once. When its stream breaks or
/// its node dies, its row fades for some seconds, and stays if the page is back by then. A reload is no leave and join:
/// the tab remembers who it was.
///
/// The server decides by the topic's rules who may be present under which key, what a meta may be, and who may see the
/// list: `Serve::be_present`, `Serve::meta` and `Serve::see_presences` in the crate `tidings`.
///
/// # Server-Side Rendering
/// The list is written into the page, where the visitor may see it. The page itself is in the list once its stream is
/// open, and so is nobody who reads without script.
pub fn use_presence<K, M, T>(
    topic: impl IntoTopic<K, T>,
    key: impl Into<Signal<Option<String>>>,
    meta: Signal<M>,
) -> UsePresence<M>
where
    K: Remote,
    M: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (target, key) = (one(topic.into_topic()), key.into());
    let context = use_live("use_presence");
    let topic: Memo<Option<TopicName>> =
        Memo::new(move |_| target.with(|target| target.as_ref().ok().and_then(tidings_wire::Pattern::as_topic)));
    let rows = RwSignal::new(Rows::<M>::default());
    // Runs on the server; travels in the page; is read back at hydration.
    let painted = SharedValue::new(|| paint(&topic.get_untracked()?)).into_inner();
    // Nothing has subscribed yet: these are the first render's rows on both sides.
    if let Some(painted) = painted.filter(|painted| Some(&painted.topic) == topic.get_untracked().as_ref()) {
        rows.update(|rows| {
            rows.replace(&painted.entries);
        });
    }
    let (base, error) = (RwSignal::new(TopicStatus::Waiting), RwSignal::new(None));
    let on_list = move |news: &News| {
        match news {
            News::Present(_) => base.try_set(TopicStatus::Live),
            News::Refused => base.try_set(TopicStatus::Forbidden),
            _ => None,
        };
        rows.try_maybe_update(|rows| (rows.tell(news), ()));
    };
    let on_entry = move |news: &News| {
        if let News::Absent(message) = news {
            error.try_set(Some(message.to_string()));
        }
    };
    let on_move = move || {
        base.try_set(TopicStatus::Waiting);
        rows.try_set(Rows::default());
    };
    let text = Memo::new(move |_| meta.with(|meta| serde_json::to_string(meta).unwrap_or_else(|_| "null".to_owned())));
    #[cfg(all(feature = "browser", target_arch = "wasm32"))]
    if context.is_some() {
        crate::browser::watch_in_effect(topic, on_list, on_move);
        crate::browser::track_in_effect(topic, key, text, on_entry, move || drop(error.try_set(None)));
    }
    #[cfg(not(all(feature = "browser", target_arch = "wasm32")))]
    let _ = (on_list, on_entry, on_move, text, key);
    let status = Signal::derive(move || match (base.get(), context.map_or(Link::None, |context| context.link.get())) {
        (TopicStatus::Live, Link::Stale | Link::Resuming | Link::Offline) => TopicStatus::Stale,
        (base, _) => base,
    });
    let all = Signal::derive(move || rows.with(|rows| rows.0.values().cloned().collect::<Vec<_>>()));
    UsePresence {
        rows: all,
        keys: Signal::derive(move || {
            rows.with(|rows| {
                let mut keys: Vec<_> = rows.0.keys().map(|(key, _)| key).collect();
                keys.dedup();
                keys.len()
            })
        }),
        is_here: Signal::derive(move || all.get().iter().any(PresenceRow::is_mine)),
        status,
        error: error.into(),
    }
}

fn paint(topic: &TopicName) -> Option<PaintedPresent> {
    use_context::<SharedPaint>()?.paint_present(topic)
}

/// Whether the page is hidden: another tab is in front, or the screen is off. For a meta that says "away".
///
/// # Server-Side Rendering
/// `false` on the server and in the browser's first render.
#[must_use]
pub fn use_hidden() -> Signal<bool> {
    use_live("use_hidden").map_or_else(|| Signal::stored(false), |context| context.hidden.into())
}

#[cfg(test)]
mod tests;
