//! A panel: one topic, what it holds, and how it is doing.

use leptos::prelude::*;
use tidings_leptos::{
    TopicStatus,
    wire::{TopicKind, Version},
};

use crate::format::ago;

/// How a topic is doing, as a panel shows it.
#[derive(Clone, Copy)]
pub(crate) struct Health {
    pub(crate) status: Signal<TopicStatus>,
    pub(crate) age_s: Signal<Option<f64>>,
    pub(crate) version: Signal<Option<Version>>,
}

/// A panel around the figures of one topic. It ripples when something was delivered.
#[component]
pub(crate) fn Panel(
    /// Names the panel's parts.
    id: &'static str,
    title: &'static str,
    #[prop(into)] topic: Signal<String>,
    kind: TopicKind,
    health: Health,
    /// Classes beside `panel`.
    #[prop(optional)]
    class: &'static str,
    children: Children,
) -> impl IntoView {
    let Health { status, age_s, version } = health;
    let pulse = RwSignal::new(None::<bool>);
    Effect::new(move |before: Option<Option<Version>>| {
        let version = version.get();
        // The first run is the painted value: nothing was delivered yet.
        if before.is_some_and(|before| before != version) {
            pulse.update(|pulse| *pulse = Some(!pulse.unwrap_or(false)));
        }
        version
    });
    let word = move || match status.get() {
        TopicStatus::Waiting => "painted",
        TopicStatus::Missing => "no value",
        TopicStatus::Incompatible => "reload",
        other => other.as_str(),
    };
    let title_id = format!("{id}-title");
    let heading_id = title_id.clone();
    view! {
        <section
            class=format!("panel {class}") id=id aria-labelledby=title_id
            data-status=move || status.get().as_str()
            data-pulse=move || pulse.get().map(|turn| if turn { "a" } else { "b" })
        >
            <header class="panel-head">
                <span class="beacon" aria-hidden="true"></span>
                <h2 class="panel-title" id=heading_id>{title}</h2>
                <p class="panel-state">
                    <span class="panel-word">{word}</span>" "
                    <span class="age num">{move || age_s.get().map(ago)}</span>
                </p>
                <p class="panel-topic">
                    <code class="topic">{topic}</code>" "
                    <span class="badge" data-kind=kind.as_str()>{kind_word(kind)}</span>
                </p>
            </header>
            {children()}
        </section>
    }
}

fn kind_word(kind: TopicKind) -> &'static str {
    match kind {
        TopicKind::State => "State",
        TopicKind::Events => "Events",
        TopicKind::Signal => "Signal",
        TopicKind::Local => "Local",
    }
}
