//! `use_publish`: writing to a topic from a component.

use std::fmt;

use leptos::prelude::*;
use serde::Serialize;
#[cfg(all(feature = "browser", target_arch = "wasm32"))]
use tidings_wire::TopicKind;
use tidings_wire::{Events, Kind, Local, Signal as SignalKind, State, TopicRef};

use crate::{
    local::{now_ms, use_local},
    topic::IntoTopic,
};

/// What [`use_publish`] returns.
pub struct UsePublish<T: Send + Sync + 'static> {
    /// Publishes a value. It is shown at once by the hooks of the page that hold the topic, unless they were told
    /// otherwise.
    pub publish: Callback<T>,
    /// Clears the topic: its value is gone, at once here, and everywhere once the server has agreed. A State topic, whose
    /// [clear rule](https://docs.rs/tidings/latest/tidings/struct.Serve.html#method.clear) decides, or a Local one; of
    /// another kind `error` says that there is nothing to clear.
    pub clear: Callback<()>,
    /// A write of this component is not confirmed yet.
    pub pending: Signal<bool>,
    /// The server was not reached with it and is asked again.
    pub retrying: Signal<bool>,
    /// Why the last write failed; gone with the next one.
    pub error: Signal<Option<PublishError<T>>>,
}

impl<T: Send + Sync + 'static> Clone for UsePublish<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for UsePublish<T> {}

impl<T: Send + Sync + 'static> fmt::Debug for UsePublish<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsePublish").finish_non_exhaustive()
    }
}

/// Why a write failed. What is shown is the server's value again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishError<T> {
    /// For programs: the server's code, such as `invalid` or `forbidden`.
    pub code: String,
    /// For people: the server's words.
    pub message: String,
    /// What was not published: to be offered again. `None` where the topic was to be cleared.
    pub value: Option<T>,
}

impl<T> fmt::Display for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<T: fmt::Debug> std::error::Error for PublishError<T> {}

/// Kinds of topics that a component can write to: all.
pub trait CanPublish: Kind + Sized
where
    Self::Payload: Send + Sync,
{
    #[doc(hidden)]
    fn use_write(topic: Signal<TopicRef<Self>>) -> UsePublish<Self::Payload>;
}

/// Writes to a topic: shown at once, confirmed by its echo, undone on failure.
///
/// # Usage
/// ```
/// use leptos::prelude::*;
/// use tidings_leptos::{UsePublish, UseTopic, use_publish, use_topic, wire::{State, topics}};
///
/// topics! { pub TITLE(board: u32): State<String> = "board/{board}/title"; }
///
/// #[component]
/// fn Title(board: u32) -> impl IntoView {
///     let UseTopic { value, .. } = use_topic(TITLE.at(board));
///     let UsePublish { publish, pending, error, .. } = use_publish(TITLE.at(board));
///     view! {
///         <input
///             prop:value=move || value.get()
///             on:change:target=move |event| publish.run(event.target().value())
///             aria-busy=move || pending.get().then_some("true")
///         />
///         <p role="alert">{move || error.get().map(|error| error.message)}</p>
///     }
/// }
/// ```
/// - The value is shown at once by every hook of the page that holds the topic, alone or by a pattern. A log shows it
///   as its last row, [`LogRow::Pending`](crate::LogRow::Pending).
/// - It is confirmed when it comes back on the stream, or something newer does. `pending` lasts until then.
/// - A refusal ends it: the newest value of the server is shown again, and `error` says why, in the server's words.
/// - Where the server is not reached it is asked again, with growing delays, for as long as the component is there. A
///   write carries an id, so that it is published once however often it is sent.
/// - `clear.run(())` takes a State topic's value away; all of the above holds for it too. Publishing again brings the topic
///   back, so what a component remembers of the value is enough to undo a deletion.
/// - Writes of a page to one topic are sent one after the other. Each carries the highest version that the page has
///   seen, so a second edit never loses to the first. Of a State topic's values that were not sent, only the newest is.
///
/// Who may write, and what is valid, is decided by the hub's rules and nowhere else.
///
/// # Server-Side Rendering
/// A component publishes in answer to something, and on the server nothing happens: what is published while it renders
/// is dropped, with a line in the log.
#[must_use]
pub fn use_publish<K, M>(topic: impl IntoTopic<K, M>) -> UsePublish<K::Payload>
where
    K: CanPublish,
    K::Payload: Send + Sync,
{
    K::use_write(topic.into_topic())
}

macro_rules! remote {
    ($($kind:ident)+) => {$(
        impl<T: Serialize + Send + Sync + Clone + 'static> CanPublish for $kind<T> {
            fn use_write(topic: Signal<TopicRef<Self>>) -> UsePublish<T> {
                use_remote(topic)
            }
        }
    )+};
}

remote! { State Events SignalKind }

impl<T: Send + Sync + Clone + 'static> CanPublish for Local<T> {
    fn use_write(topic: Signal<TopicRef<Self>>) -> UsePublish<T> {
        let local = use_local("use_publish", topic);
        UsePublish {
            publish: Callback::new(move |value| local.get_untracked().publish(value, now_ms())),
            clear: Callback::new(move |()| local.get_untracked().clear()),
            pending: Signal::stored(false),
            retrying: Signal::stored(false),
            error: Signal::stored(None),
        }
    }
}

fn use_remote<K, T>(topic: Signal<TopicRef<K>>) -> UsePublish<T>
where
    K: Kind<Payload = T>,
    T: Serialize + Send + Sync + Clone + 'static,
{
    let context = crate::provide::use_live("use_publish");
    let writes = RwSignal::new(0_u32);
    let retrying = RwSignal::new(false);
    let error = RwSignal::new(None::<PublishError<T>>);
    #[cfg(all(feature = "browser", target_arch = "wasm32"))]
    let write = {
        let (owner, _) = (crate::browser::new_owner(), context);
        on_cleanup(move || crate::browser::abandon(owner));
        move |value: Option<T>| {
            error.set(None);
            let fail = move |code: &str, message: String, value: Option<T>| {
                error.try_set(Some(PublishError { code: code.to_owned(), message, value }));
            };
            let name = match topic.with_untracked(|topic| topic.name().cloned()) {
                Ok(name) => name,
                Err(fault) => return fail("invalid-topic", fault.to_string(), value),
            };
            if value.is_none() && K::KIND != TopicKind::State {
                return fail("wrong-kind", format!("{name} has no value to clear: only a State topic has"), value);
            }
            let data = match value.as_ref().map(serde_json::value::to_raw_value).transpose() {
                Ok(data) => data,
                Err(fault) => return fail("no-json", fault.to_string(), value),
            };
            writes.update(|writes| *writes += 1);
            let sink = std::rc::Rc::new(move |news: &crate::page::News| {
                use crate::page::{Fate, News};
                let News::Write(fate) = news else { return };
                if *fate == Fate::Unreached {
                    retrying.try_set(true);
                    return;
                }
                retrying.try_set(false);
                writes.try_update(|writes| *writes = writes.saturating_sub(1));
                if let Fate::Failed(fault) = fate {
                    fail(&fault.code, fault.message.clone(), value.clone());
                }
            });
            crate::browser::write(name, K::KIND, data, owner, sink);
        }
    };
    #[cfg(not(all(feature = "browser", target_arch = "wasm32")))]
    let write = {
        let _ = context;
        move |_: Option<T>| {
            let name = topic.with_untracked(|topic| topic.as_str().to_owned());
            leptos::logging::warn!("use_publish: nothing is published to {name} while the server renders");
        }
    };
    UsePublish {
        publish: Callback::new(move |value| write(Some(value))),
        clear: Callback::new(move |()| write(None)),
        pending: Signal::derive(move || writes.get() > 0),
        retrying: retrying.into(),
        error: error.into(),
    }
}
