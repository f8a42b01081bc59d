//! `use_log`: the messages of an Events topic.

use std::collections::VecDeque;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use tidings_wire::{Events, Kind, Local, TopicRef, Version, event::GapCause};

use crate::{
    local::use_local,
    page::{Depth, Draft, News},
    status::TopicStatus,
    topic::{IntoTopic, age_s, hold_topic, one},
};

/// One row of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogItem<T> {
    /// Names the row for as long as it is in the log, for `<For>`.
    pub key: u64,
    /// What it says.
    pub row: LogRow<T>,
}

/// What a row of a log says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LogRow<T> {
    /// A message.
    Message {
        /// When and by whom it was published.
        version: Version,
        /// What was published.
        value: T,
    },
    /// What this page has written, before the server has told it back: such rows stand at the end.
    Pending {
        /// What was written.
        value: T,
    },
    /// Between the row before and the row after, messages may be missing.
    Missed(GapCause),
    /// The server has lost its past: rows before are from before that, and what follows is what it has now.
    Rewound,
}

/// What [`use_log`] returns.
pub struct UseLog<T: Send + Sync + 'static> {
    /// The last messages and the marks between them, oldest first.
    pub items: Signal<VecDeque<LogItem<T>>>,
    /// How often continuity was lost.
    pub missed: Signal<u32>,
    /// How the topic is doing.
    pub status: Signal<TopicStatus>,
    /// Seconds since the newest message was published; `None` without one.
    pub age_s: Signal<Option<f64>>,
    /// The newest message's version.
    pub version: Signal<Option<Version>>,
}

impl<T: Send + Sync + 'static> Clone for UseLog<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for UseLog<T> {}

impl<T: Send + Sync + 'static> std::fmt::Debug for UseLog<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UseLog").finish_non_exhaustive()
    }
}

/// The rows with what is needed to grow them.
struct Rows<T> {
    items: VecDeque<LogItem<T>>,
    next_key: u64,
    messages: usize,
    most: usize,
    /// This page's own writes that are not confirmed, with their keys and ids.
    pending: Vec<(u64, Box<str>, T)>,
    version: Option<Version>,
    unreadable: bool,
}

impl<T> Rows<T> {
    fn new(most: u32) -> Self {
        Self {
            items: VecDeque::new(),
            next_key: 0,
            messages: 0,
            most: most as usize,
            pending: Vec::new(),
            version: None,
            unreadable: false,
        }
    }

    fn push(&mut self, row: LogRow<T>) {
        self.messages += usize::from(matches!(row, LogRow::Message { .. }));
        self.items.push_back(LogItem { key: self.next_key, row });
        self.next_key += 1;
        while self.messages > self.most {
            let Some(oldest) = self.items.pop_front() else { return };
            self.messages -= usize::from(matches!(oldest.row, LogRow::Message { .. }));
        }
        // A mark says something of the rows before it: without any it is noise.
        while self.messages > 0 && self.items.front().is_some_and(|item| !matches!(item.row, LogRow::Message { .. })) {
            self.items.pop_front();
        }
    }
}

impl<T: DeserializeOwned + Clone> Rows<T> {
    fn read(&mut self, version: Version, data: &str) {
        match serde_json::from_str(data) {
            Ok(value) => {
                self.push(LogRow::Message { version, value });
                self.version = Some(version);
            }
            Err(error) => {
                self.unreadable = true;
                leptos::logging::warn!("use_log: a message that this build cannot read: {error}");
            }
        }
    }

    /// Shows these writes as pending, and no others. One that was there keeps its key.
    fn draft(&mut self, drafts: &[Draft]) {
        self.pending.retain(|(_, id, _)| drafts.iter().any(|draft| *draft.id == **id));
        for draft in drafts {
            if self.pending.iter().any(|(_, id, _)| **id == *draft.id) {
                continue;
            }
            // What this page has encoded itself reads as what it was.
            let data = draft.data.as_ref().map(|data| serde_json::from_str(data.get()));
            let Some(Ok(value)) = data else { continue };
            self.pending.push((self.next_key, (*draft.id).into(), value));
            self.next_key += 1;
        }
    }

    fn all(&self) -> VecDeque<LogItem<T>> {
        let pending = self.pending.iter().map(|(key, _, value)| {
            let row = LogRow::Pending { value: value.clone() };
            LogItem { key: *key, row }
        });
        self.items.iter().cloned().chain(pending).collect()
    }
}

/// Options of [`use_log_with_options`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UseLogOptions {
    /// Whether a write of this page ([`use_publish`](crate::use_publish)) is shown at once, as
    /// [`LogRow::Pending`]. Default: yes.
    pub optimistic: bool,
}

impl Default for UseLogOptions {
    fn default() -> Self {
        Self { optimistic: true }
    }
}

impl UseLogOptions {
    /// Sets [`optimistic`](Self::optimistic).
    #[must_use]
    pub fn optimistic(mut self, optimistic: bool) -> Self {
        self.optimistic = optimistic;
        self
    }
}

/// Kinds of topics that have a log: [`Events`] and [`Local`].
pub trait HasLog: Kind + Sized
where
    Self::Payload: Send + Sync,
{
    #[doc(hidden)]
    fn use_messages(topic: Signal<TopicRef<Self>>, most: u32, options: UseLogOptions) -> UseLog<Self::Payload>;
}

/// Holds an Events topic: the last `most` messages are in the page's HTML, and every later one follows.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::{LogRow, UseLog, use_log, wire::{Events, topics}};
///
/// topics! { pub CHAT(room: String): Events<String> = "chat/{room}" keep 200, "1d"; }
///
/// #[component]
/// fn Chat(room: String) -> impl IntoView {
///     let UseLog { items, .. } = use_log(CHAT.at(room), 50);
///     view! {
///         <ol><For each=move || items.get() key=|item| item.key let:item>
///             <li>{match item.row {
///                 LogRow::Message { value, .. } => value,
///                 _ => "some messages may be missing here".to_owned(),
///             }}</li>
///         </For></ol>
///     }
/// }
/// ```
/// Every message comes once and in order; where that cannot be shown, a row says so
/// ([`LogRow::Missed`], [`LogRow::Rewound`]). What this page has written itself stands at the end
/// until it has come back ([`LogRow::Pending`]).
///
/// The log of a [`Local`] topic holds what components of this page published: its last 64 messages,
/// for as long as some component uses it.
///
/// A topic that keeps no history does not compile:
/// ```compile_fail,E0277
/// # use tidings_leptos::{use_log, wire::{State, topics}};
/// # topics! { TITLE(board: u32): State<String> = "board/{board}/title"; }
/// let log = use_log::<String, _>(TITLE.at(7), 50);
/// ```
/// ```compile_fail,E0277
/// # use tidings_leptos::{use_log, wire::{Local, topics}};
/// # topics! { PICKED(board: u32): Local<String> = "board/{board}/picked"; }
/// let log = use_log::<String, _>(PICKED.at(7), 50);
/// ```
///
/// # Server-Side Rendering
/// As for [`use_topic`](crate::use_topic). The log of a Local topic is empty.
pub fn use_log<K, M>(topic: impl IntoTopic<K, M>, most: u32) -> UseLog<K::Payload>
where
    K: HasLog,
    K::Payload: Send + Sync,
{
    use_log_with_options(topic, most, UseLogOptions::default())
}

/// [`use_log`] with options.
pub fn use_log_with_options<K, M>(topic: impl IntoTopic<K, M>, most: u32, options: UseLogOptions) -> UseLog<K::Payload>
where
    K: HasLog,
    K::Payload: Send + Sync,
{
    K::use_messages(topic.into_topic(), most, options)
}

impl<T: DeserializeOwned + Send + Sync + Clone + 'static> HasLog for Events<T> {
    fn use_messages(topic: Signal<TopicRef<Self>>, most: u32, options: UseLogOptions) -> UseLog<T> {
        let rows = RwSignal::new(Rows::<T>::new(most));
        let missed = RwSignal::new(0);
        let on_news = move |news: &News| match news {
            News::Item(item) => drop(rows.try_update(|rows| rows.read(item.version, item.data.get()))),
            News::Gap(cause) => {
                let row = if *cause == GapCause::Rewound { LogRow::Rewound } else { LogRow::Missed(*cause) };
                rows.try_update(|rows| rows.push(row));
                missed.try_update(|missed| *missed += 1);
            }
            News::Drafts(_, drafts) if options.optimistic => drop(rows.try_update(|rows| rows.draft(drafts))),
            _ => {}
        };
        let on_move = move || {
            rows.try_set(Rows::new(most));
        };
        let (held, painted) = hold_topic("use_log", one(topic), Depth::Last(most), on_news, on_move);
        if let Some(painted) = &painted {
            rows.update(|rows| painted.items.iter().for_each(|item| rows.read(item.version, item.data.get())));
        }
        let status = Signal::derive(move || match held.status.get() {
            TopicStatus::Forbidden => TopicStatus::Forbidden,
            _ if rows.with(|rows| rows.unreadable) => TopicStatus::Incompatible,
            status => status,
        });
        let version = Signal::derive(move || rows.with(|rows| rows.version));
        UseLog {
            items: Signal::derive(move || rows.with(Rows::all)),
            missed: missed.into(),
            status,
            age_s: age_s(held.context, move || version.get().map(Version::ms), painted.as_ref()),
            version,
        }
    }
}

impl<T: Send + Sync + Clone + 'static> HasLog for Local<T> {
    fn use_messages(topic: Signal<TopicRef<Self>>, most: u32, _: UseLogOptions) -> UseLog<T> {
        let local = use_local("use_log", topic);
        let items = move || {
            let messages = local.with(|local| local.last(most as usize));
            let row = |(version, value): (Version, T)| {
                // The clock of one page never says the same twice.
                LogItem { key: version.clock(), row: LogRow::Message { version, value } }
            };
            messages.into_iter().map(row).collect()
        };
        let newest = move || local.with(|local| local.newest());
        UseLog {
            items: Signal::derive(items),
            missed: Signal::stored(0),
            status: Signal::stored(TopicStatus::Live),
            age_s: Signal::stored(None),
            version: Signal::derive(move || newest().map(|(version, _)| version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tidings_wire::OriginTag;

    use super::*;

    fn message(value: u64) -> LogRow<u64> {
        LogRow::Message { version: Version::new(value, 0, OriginTag::from_low_bits(1)), value }
    }

    #[test]
    fn keeps_the_last_messages_and_the_marks_between_them() {
        let mut rows = Rows::new(2);
        rows.push(LogRow::Rewound);
        assert_eq!(rows.items.len(), 1, "a mark alone is shown");
        rows.push(message(1));
        assert_eq!(rows.items.len(), 1, "before the first message it is noise");
        rows.push(LogRow::Missed(GapCause::Slow));
        rows.push(message(2));
        assert_eq!(rows.items.len(), 3);
        rows.push(message(3));
        let values: Vec<_> = rows.items.iter().map(|item| item.row.clone()).collect();
        assert_eq!(values, [message(2), message(3)]);
        assert!(rows.items.iter().map(|item| item.key).is_sorted());
    }
}
