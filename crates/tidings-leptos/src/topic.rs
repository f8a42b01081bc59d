//! What every hook that holds a topic does: paint on the server, take over in the browser, follow a
//! name that changes.

use leptos::{prelude::*, server::SharedValue};
use tidings_wire::{Kind, Painted, Remote, SharedPaint, TopicRef, Want};

use crate::{
    page::{Depth, News},
    provide::{LiveContext, use_live},
    status::{Link, TopicStatus},
};

/// What a hook takes as its topic: a [`TopicRef`], a closure that makes one, or a signal of one.
///
/// `M` only keeps the implementations apart.
#[diagnostic::on_unimplemented(
    message = "this hook takes a topic of kind `{K}`",
    label = "expected a `TopicRef<{K}>`, or a closure or signal of one"
)]
pub trait IntoTopic<K: Kind, M> {
    /// The topic as a signal.
    fn into_topic(self) -> Signal<TopicRef<K>>;
}

/// Marks a topic given as a value.
#[derive(Debug)]
pub struct ByValue;
/// Marks a topic given as a closure.
#[derive(Debug)]
pub struct ByClosure;

impl<K: Kind> IntoTopic<K, ByValue> for TopicRef<K> {
    fn into_topic(self) -> Signal<TopicRef<K>> {
        Signal::stored(self)
    }
}

impl<K: Kind> IntoTopic<K, ByValue> for Signal<TopicRef<K>> {
    fn into_topic(self) -> Self {
        self
    }
}

impl<K: Kind, F: Fn() -> TopicRef<K> + Send + Sync + 'static> IntoTopic<K, ByClosure> for F {
    fn into_topic(self) -> Signal<TopicRef<K>> {
        // A memo: the same name computed again moves nothing.
        Memo::new(move |_| self()).into()
    }
}

/// A topic that a component holds.
#[derive(Clone, Copy)]
pub(crate) struct HeldTopic {
    pub(crate) status: Signal<TopicStatus>,
    pub(crate) context: Option<LiveContext>,
}

/// Paints a topic and holds it; `on_update` is called in the browser only. Gives back what was painted.
pub(crate) fn hold_topic<K: Remote>(
    hook: &'static str,
    topic: Signal<TopicRef<K>>,
    depth: Depth,
    on_update: impl Fn(&News) + Clone + 'static,
    on_move: impl Fn() + Clone + 'static,
) -> (HeldTopic, Option<Painted>) {
    let context = use_live(hook);
    let want = match depth {
        Depth::Newest => Want::Newest,
        Depth::Last(count) => Want::Last(count as usize),
    };
    // Runs on the server; travels in the page; is read back at hydration. In a browser that renders by itself there is
    // no paint in context, and nothing is known.
    let painted = SharedValue::new(|| {
        let paint = use_context::<SharedPaint>()?;
        topic.with_untracked(|topic| topic.name().ok().and_then(|name| paint.paint(name, want)))
    })
    .into_inner();
    let painted = painted.filter(|painted| {
        let same = topic.with_untracked(|topic| topic.as_str() == painted.topic.as_str());
        if !same {
            leptos::logging::warn!(
                "{hook}: the page was painted with {}, not with {}: server and browser rendered different components",
                painted.topic,
                topic.with_untracked(|topic| topic.as_str().to_owned()),
            );
        }
        same
    });
    let base = RwSignal::new(TopicStatus::Waiting);
    let status = Signal::derive(move || {
        let link = context.map_or(Link::None, |context| context.link.get());
        match (base.get(), link) {
            (TopicStatus::Live | TopicStatus::Missing, Link::Stale | Link::Resuming | Link::Offline) => {
                TopicStatus::Stale
            }
            (base, _) => base,
        }
    });
    #[cfg(all(feature = "browser", target_arch = "wasm32"))]
    if context.is_some() {
        crate::browser::hold_in_effect(topic, depth, painted.clone(), base, on_update, on_move);
    }
    #[cfg(not(all(feature = "browser", target_arch = "wasm32")))]
    drop((on_update, on_move));
    (HeldTopic { status, context }, painted)
}
