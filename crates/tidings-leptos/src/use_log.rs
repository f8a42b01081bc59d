//! `use_log`: the messages of an Events topic.

use std::collections::VecDeque;

use leptos::prelude::*;
use serde::de::DeserializeOwned;
use tidings_wire::{Events, Version, event::GapCause};

use crate::{
    page::{Depth, News},
    status::TopicStatus,
    topic::{IntoTopic, hold_topic},
    use_topic::age_s,
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
}

impl<T> Rows<T> {
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
/// ([`LogRow::Missed`], [`LogRow::Rewound`]).
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
/// As for [`use_topic`](crate::use_topic).
pub fn use_log<T, M>(topic: impl IntoTopic<Events<T>, M>, most: u32) -> UseLog<T>
where
    T: DeserializeOwned + Send + Sync + Clone + 'static,
{
    let topic = topic.into_topic();
    let empty = move || Rows { items: VecDeque::new(), next_key: 0, messages: 0, most: most as usize };
    let rows = RwSignal::new(empty());
    let version = RwSignal::new(None::<Version>);
    let missed = RwSignal::new(0);
    let undecodable = RwSignal::new(false);
    let read = move |at: Version, data: &str| match serde_json::from_str(data) {
        Ok(value) => {
            rows.try_update(|rows| rows.push(LogRow::Message { version: at, value }));
            version.try_set(Some(at));
        }
        Err(error) => {
            undecodable.try_set(true);
            leptos::logging::warn!("use_log: a message that this build cannot read: {error}");
        }
    };
    let on_update = move |update: &News| match update {
        News::Item(item) => read(item.version, item.data.get()),
        News::Gap(cause) => {
            let row = if *cause == GapCause::Rewound { LogRow::Rewound } else { LogRow::Missed(*cause) };
            rows.try_update(|rows| rows.push(row));
            missed.try_update(|missed| *missed += 1);
        }
        News::Nothing | News::Joined | News::Refused => {}
    };
    let on_move = move || {
        rows.try_set(empty());
        version.try_set(None);
    };
    let (held, painted) = hold_topic("use_log", topic, Depth::Last(most), on_update, on_move);
    for item in painted.iter().flat_map(|painted| &painted.items) {
        read(item.version, item.data.get());
    }
    let status = Signal::derive(move || match held.status.get() {
        TopicStatus::Live if undecodable.get() => TopicStatus::Incompatible,
        status => status,
    });
    UseLog {
        items: Signal::derive(move || rows.with(|rows| rows.items.clone())),
        missed: missed.into(),
        status,
        age_s: age_s(held.context, version.into(), painted.as_ref()),
        version: version.into(),
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
        let mut rows = Rows { items: VecDeque::new(), next_key: 0, messages: 0, most: 2 };
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
