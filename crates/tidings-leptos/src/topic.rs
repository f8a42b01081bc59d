//! What every hook that holds topics does: paint on the server, take over in the browser, follow a name that changes.

use leptos::{prelude::*, server::SharedValue};
use tidings_wire::{Kind, NameError, Painted, Pattern, SharedPaint, TopicPattern, TopicRef, Want};

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

/// What a hook takes as its pattern: a [`TopicPattern`], a closure that makes one, or a signal of one.
///
/// `M` only keeps the implementations apart.
pub trait IntoTopics<K: Kind, M> {
    /// The pattern as a signal.
    fn into_topics(self) -> Signal<TopicPattern<K>>;
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

impl<K: Kind> IntoTopics<K, ByValue> for TopicPattern<K> {
    fn into_topics(self) -> Signal<TopicPattern<K>> {
        Signal::stored(self)
    }
}

impl<K: Kind> IntoTopics<K, ByValue> for Signal<TopicPattern<K>> {
    fn into_topics(self) -> Self {
        self
    }
}

impl<K: Kind, F: Fn() -> TopicPattern<K> + Send + Sync + 'static> IntoTopics<K, ByClosure> for F {
    fn into_topics(self) -> Signal<TopicPattern<K>> {
        Memo::new(move |_| self()).into()
    }
}

/// What is held: a topic or a pattern, or a text that is none, with its fault.
pub(crate) type Target = Memo<Result<Pattern, (String, NameError)>>;

/// One topic as a target.
pub(crate) fn one<K: Kind>(topic: Signal<TopicRef<K>>) -> Target {
    Memo::new(move |_| {
        topic.with(|topic| topic.name().map(Pattern::from).map_err(|error| (topic.as_str().to_owned(), error)))
    })
}

/// A pattern as a target.
pub(crate) fn all<K: Kind>(topics: Signal<TopicPattern<K>>) -> Target {
    Memo::new(move |_| {
        topics.with(|topics| topics.pattern().cloned().map_err(|error| (topics.as_str().to_owned(), error)))
    })
}

/// A topic that a component holds.
#[derive(Clone, Copy)]
pub(crate) struct HeldTopic {
    pub(crate) status: Signal<TopicStatus>,
    pub(crate) context: Option<LiveContext>,
}

/// Paints a topic and holds it; `on_news` is called in the browser only. Gives back what was painted.
pub(crate) fn hold_topic(
    hook: &'static str,
    target: Target,
    depth: Depth,
    on_news: impl Fn(&News) + Clone + 'static,
    on_move: impl Fn() + Clone + 'static,
) -> (HeldTopic, Option<Painted>) {
    let context = use_live(hook);
    // Runs on the server; travels in the page; is read back at hydration. In a browser that renders by itself there is
    // no paint in context, and nothing is known.
    let painted = SharedValue::new(|| target.with_untracked(|target| paint(target.as_ref().ok()?, depth))).into_inner();
    let painted =
        painted.filter(|painted| target.with_untracked(|target| is_same(hook, painted, target.as_ref().ok())));
    let base = RwSignal::new(TopicStatus::Waiting);
    let status = Signal::derive(move || {
        let link = context.map_or(Link::None, |context| context.link.get());
        match (base.get(), link) {
            (TopicStatus::Live, Link::Stale | Link::Resuming | Link::Offline) => TopicStatus::Stale,
            (base, _) => base,
        }
    });
    #[cfg(all(feature = "browser", target_arch = "wasm32"))]
    if context.is_some() {
        crate::browser::hold_in_effect(target, depth, painted.clone(), base, on_news, on_move);
    }
    #[cfg(not(all(feature = "browser", target_arch = "wasm32")))]
    drop((on_news, on_move));
    (HeldTopic { status, context }, painted)
}

fn paint(pattern: &Pattern, depth: Depth) -> Option<Painted> {
    let paint = use_context::<SharedPaint>()?;
    match (pattern.as_topic(), depth) {
        (Some(topic), Depth::Newest) => paint.paint(&topic, Want::Newest),
        (Some(topic), Depth::Last(count)) => paint.paint(&topic, Want::Last(count as usize)),
        (None, _) => paint.paint_all(pattern),
    }
}

fn is_same(hook: &str, painted: &Painted, pattern: Option<&Pattern>) -> bool {
    let same = pattern == Some(&painted.topic);
    if !same {
        leptos::logging::warn!(
            "{hook}: the page was painted with {}, not with {}: server and browser rendered different components",
            painted.topic,
            pattern.map_or("an invalid name", Pattern::as_str),
        );
    }
    same
}

/// Seconds since a version, by the server's clock: what was painted until the browser has taken over.
pub(crate) fn age_s(
    context: Option<LiveContext>,
    version_ms: impl Fn() -> Option<u64> + Send + Sync + 'static,
    painted: Option<&Painted>,
) -> Signal<Option<f64>> {
    let painted_ms = painted.map(|painted| painted.now_ms as f64);
    Signal::derive(move || {
        let now_ms = context.and_then(|context| context.now_ms.get()).or(painted_ms)?;
        Some((now_ms - version_ms()? as f64).max(0.0) / 1000.0)
    })
}
