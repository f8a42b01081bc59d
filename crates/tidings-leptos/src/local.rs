//! Local topics: components of one page tell each other things, and no server hears of it.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
};

use leptos::prelude::*;
use tidings_wire::{Local, OriginTag, TopicRef, Version};

use crate::provide::use_live;

/// The Local topics of a page that some component uses.
pub(crate) type Locals = HashMap<Box<str>, Weak<dyn Any + Send + Sync>>;

/// One Local topic: its last messages, as many as it keeps.
pub(crate) struct LocalTopic<T> {
    messages: ArcRwSignal<VecDeque<(Version, T)>>,
    keep: usize,
}

/// A [`LocalTopic`] as components share it; it ends with the last of them.
pub(crate) struct SharedLocal<T>(Arc<LocalTopic<T>>);

impl<T> Clone for SharedLocal<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PartialEq for SharedLocal<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Send + Sync + Clone + 'static> SharedLocal<T> {
    fn new(keep: usize) -> Self {
        Self(Arc::new(LocalTopic { messages: ArcRwSignal::new(VecDeque::new()), keep }))
    }

    /// The newest message. Tracks.
    pub(crate) fn newest(&self) -> Option<(Version, T)> {
        self.0.messages.with(|messages| messages.back().cloned())
    }

    /// The last messages, oldest first. Tracks.
    pub(crate) fn last(&self, most: usize) -> Vec<(Version, T)> {
        self.0.messages.with(|messages| messages.iter().skip(messages.len().saturating_sub(most)).cloned().collect())
    }

    /// Forgets all messages: components show nothing again.
    pub(crate) fn clear(&self) {
        self.0.messages.update(VecDeque::clear);
    }

    /// Tells all components.
    pub(crate) fn publish(&self, value: T, now_ms: u64) {
        self.0.messages.update(|messages| {
            // Above the one before, also where the clock was set back or stands.
            let after = messages.back().map_or(0, |(version, _)| version.clock() + 1);
            let now = Version::new(now_ms, 0, HERE).clock();
            messages.push_back((Version::from_clock(now.max(after), HERE), value));
            while messages.len() > self.0.keep {
                messages.pop_front();
            }
        });
    }
}

/// The origin of what never leaves the page.
const HERE: OriginTag = OriginTag::from_low_bits(0);

/// A Local topic by a name that may change; it is there for as long as the component.
pub(crate) fn use_local<T: Send + Sync + Clone + 'static>(
    hook: &str,
    topic: Signal<TopicRef<Local<T>>>,
) -> Memo<SharedLocal<T>> {
    let context = use_live(hook);
    let local = Memo::new(move |_| {
        topic.with(|topic| {
            let keep = topic.keep().count as usize;
            let shared =
                context.and_then(|context| context.locals.try_update_value(|all| find(all, topic.as_str(), keep)));
            shared.unwrap_or_else(|| SharedLocal::new(keep))
        })
    });
    // A memo does nothing until it is read; the topic is to be there from now on.
    local.with_untracked(|_| ());
    local
}

/// Finds a topic that somebody uses, or makes it.
fn find<T: Send + Sync + Clone + 'static>(all: &mut Locals, name: &str, keep: usize) -> SharedLocal<T> {
    if let Some(known) = all.get(name).and_then(Weak::upgrade) {
        return known.downcast().map(SharedLocal).unwrap_or_else(|_| {
            leptos::logging::warn!(
                "the Local topic {name} is declared with two types: their components do not hear each other"
            );
            SharedLocal::new(keep)
        });
    }
    all.retain(|_, local| local.strong_count() > 0);
    let made = SharedLocal::new(keep);
    let any: Arc<dyn Any + Send + Sync> = made.0.clone();
    all.insert(name.into(), Arc::downgrade(&any));
    made
}

/// Milliseconds since the Unix epoch by this machine's clock.
pub(crate) fn now_ms() -> u64 {
    #[cfg(target_arch = "wasm32")]
    {
        #[cfg(feature = "browser")]
        return js_sys::Date::now() as u64;
        #[cfg(not(feature = "browser"))]
        return 0;
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(0, |now| now.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use tidings_wire::topics;

    use super::*;
    use crate::{
        LogRow, TopicStatus, UseLog, UsePublish, UseTopic, UseTopicOptions, provide_live, use_log, use_publish,
        use_topic, use_topic_with_options,
    };

    topics! {
        PICKED(board: u32): Local<u64> = "board/{board}/picked";
        PICKED_AS_TEXT(board: u32): Local<String> = "board/{board}/picked";
    }

    /// A page; what is done in it lives until the owner is gone.
    fn page() -> Owner {
        let owner = Owner::new();
        owner.set();
        provide_live();
        owner
    }

    #[test]
    fn what_one_component_publishes_all_of_the_page_show() {
        let _page = page();
        let UsePublish { publish, pending, error, .. } = use_publish(PICKED.at(1));
        let UseTopic { value, status, version, .. } = use_topic(PICKED.at(1));
        let UseLog { items, .. } = use_log(PICKED.at(1), 2);
        let other = use_topic(PICKED.at(2));
        assert_eq!((value.get_untracked(), status.get_untracked()), (None, TopicStatus::Missing));
        publish.run(3);
        let first = version.get_untracked();
        publish.run(4);
        publish.run(5);
        assert_eq!((value.get_untracked(), status.get_untracked()), (Some(5), TopicStatus::Live));
        assert!(version.get_untracked() > first, "also within one millisecond");
        let rows = items.get_untracked().into_iter().map(|item| item.row);
        let rows: Vec<_> = rows.map(|row| if let LogRow::Message { value, .. } = row { value } else { 0 }).collect();
        assert_eq!(rows, [4, 5]);
        assert_eq!((pending.get_untracked(), error.get_untracked()), (false, None));
        assert_eq!(other.value.get_untracked(), None);
        let late = use_topic(PICKED.at(1));
        assert_eq!(late.value.get_untracked(), Some(5), "who comes later has it too");
    }

    #[test]
    fn without_a_value_the_initial_one_is_shown() {
        let _page = page();
        let options = UseTopicOptions::default().initial(9);
        let UseTopic { value, status, .. } = use_topic_with_options(PICKED.at(1), options);
        assert_eq!((value.get_untracked(), status.get_untracked()), (Some(9), TopicStatus::Missing));
        use_publish(PICKED.at(1)).publish.run(1);
        assert_eq!(value.get_untracked(), Some(1));
    }

    #[test]
    fn a_name_that_changes_moves_both_ends() {
        let _page = page();
        let board = RwSignal::new(1);
        let UseTopic { value, .. } = use_topic(move || PICKED.at(board.get()));
        let UsePublish { publish, .. } = use_publish(move || PICKED.at(board.get()));
        publish.run(3);
        board.set(2);
        assert_eq!(value.get_untracked(), None);
        publish.run(4);
        assert_eq!(value.get_untracked(), Some(4));
        assert_eq!(use_topic(PICKED.at(2)).value.get_untracked(), Some(4));
    }

    #[test]
    fn it_ends_with_its_last_component_and_another_page_does_not_hear_it() {
        let first = page();
        let component = first.child();
        component.with(|| use_publish(PICKED.at(1)).publish.run(3));
        component.cleanup();
        drop(component);
        assert_eq!(use_topic(PICKED.at(1)).value.get_untracked(), None);
        use_publish(PICKED.at(1)).publish.run(4);
        let _second = page();
        assert_eq!(use_topic(PICKED.at(1)).value.get_untracked(), None);
    }

    #[test]
    fn a_topic_that_is_cleared_has_no_value_for_any_component() {
        let _page = page();
        let UsePublish { publish, clear, .. } = use_publish(PICKED.at(1));
        let UseTopic { value, status, .. } = use_topic(PICKED.at(1));
        publish.run(3);
        clear.run(());
        assert_eq!((value.get_untracked(), status.get_untracked()), (None, TopicStatus::Missing));
        publish.run(4);
        assert_eq!(value.get_untracked(), Some(4));
    }

    #[test]
    fn one_name_with_two_types_is_two_topics() {
        let _page = page();
        let UseTopic { value, .. } = use_topic(PICKED.at(1));
        use_publish(PICKED_AS_TEXT.at(1)).publish.run("three".to_owned());
        assert_eq!(value.get_untracked(), None);
    }
}
