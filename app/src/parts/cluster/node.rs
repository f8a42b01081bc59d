//! One node: how it fares, its vitals, its counter; and what can be asked of its actor.

use leptos::prelude::*;
use tidings_leptos::{
    TopicStatus,
    wire::{NodeName, Version},
};

use super::{Cluster, row};
use crate::{
    api::{AddTo, Crash, Refused},
    cluster::{Fare, NodeView},
    format::{lasted, thousands, uptime},
    topics::{COUNTER, SEES, VITALS, Vitals},
};

/// A node tells something each second; what is this late does not come just now.
const QUIET_S: f64 = 5.0;

/// All nodes, each with the means to ask its actor for something.
#[component]
pub(crate) fn Nodes(cluster: Cluster) -> impl IntoView {
    // One of each for all nodes: without script, an error comes back in the page's address, and is said once.
    let (add, crash) = (ServerAction::<AddTo>::new(), ServerAction::<Crash>::new());
    let names =
        Memo::new(move |_| cluster.nodes.with(|nodes| nodes.iter().map(|view| view.node.clone()).collect::<Vec<_>>()));
    view! {
        <section class="section" aria-labelledby="nodes-title">
            <div class="section-head">
                <h2 id="nodes-title">"Nodes"</h2>
                <p>"Add to any counter from here: the actor of another node is asked by a direct message. Crash an actor: its supervisor starts it again, and it finds its number in the topic."</p>
            </div>
            <Said add crash/>
            <div class="nodes" data-status=move || cluster.sees.status.get().as_str()>
                <For each=move || names.get() key=Clone::clone let:node>
                    <Node cluster node add crash/>
                </For>
            </div>
        </section>
    }
}

/// What came of the last thing that was asked.
#[component]
fn Said(add: ServerAction<AddTo>, crash: ServerAction<Crash>) -> impl IntoView {
    // The younger one is shown: the older's answer is forgotten when something else is asked.
    Effect::new(move |_| {
        if crash.pending().get() {
            add.value().set(None);
        }
    });
    Effect::new(move |_| {
        if add.pending().get() {
            crash.value().set(None);
        }
    });
    let wrong = move || {
        let refused = |value: Option<Result<u64, Refused>>| value.and_then(Result::err);
        refused(add.value().get()).or_else(|| refused(crash.value().get())).map(|refused| refused.reason)
    };
    view! { <p class="field-error nodes-error" role="alert">{wrong}</p> }
}

#[component]
fn Node(cluster: Cluster, node: NodeName, add: ServerAction<AddTo>, crash: ServerAction<Crash>) -> impl IntoView {
    let name = node.to_string();
    let view = {
        let node = node.clone();
        Memo::new(move |_| cluster.node(&node))
    };
    let (vitals_topic, counter_topic) = (VITALS.at(&node), COUNTER.at(&node));
    let sees_topic = SEES.at(&node);
    let vitals = Memo::new(move |_| row(cluster.vitals, vitals_topic.as_str()));
    let counter = Memo::new(move |_| row(cluster.counters, counter_topic.as_str()));
    let fare = move || view.with(|view| view.as_ref().map_or(Fare::Down, |view| view.fare));
    let serves = move || cluster.serving.with(|serving| *serving == node);
    let figure = move |read: fn(&Vitals) -> String| {
        move || vitals.with(|vitals| vitals.as_ref().map_or_else(|| "–".to_owned(), read))
    };
    // To the second: the clock moves once in one.
    let quiet = Memo::new(move |_| quiet_s(cluster, sees_topic.as_str()).map(f64::floor));
    let says =
        move || view.with(|view| view.as_ref().map_or_else(String::new, |view| since(cluster, view, quiet.get())));
    let is_quiet = move || (quiet.get().is_some() && fare() == Fare::Up).then_some("");
    // What is pending may be of another node.
    let adding = Signal::derive({
        let name = name.clone();
        move || add.pending().get() && add.input().with(|input| input.as_ref().is_some_and(|input| input.node == name))
    });
    let crashing = Signal::derive({
        let name = name.clone();
        move || {
            crash.pending().get() && crash.input().with(|input| input.as_ref().is_some_and(|input| input.node == name))
        }
    });
    let title = format!("node-{name}");
    let titled = title.clone();
    let (add_label, crash_label) = (format!("Add one to {name}'s counter"), format!("Crash {name}'s actor"));
    let (named, shown, add_name, crash_name) = (name.clone(), name.clone(), name.clone(), name);
    view! {
        <article class="node" data-node=named data-fare=move || fare().as_str() data-quiet=is_quiet aria-labelledby=titled>
            <header class="node-head">
                <span class="glyph" data-glyph=move || glyph(fare()) aria-hidden="true"></span>
                <h3 class="node-name" id=title>{shown}</h3>
                <Show when=serves><span class="badge" data-tone="tide">"serves this page"</span></Show>
                <p class="node-state" role="status">{move || fare().as_str()}</p>
                <p class="node-since num">{says}</p>
            </header>
            <div class="node-count">
                <p class="node-count-name">"Counter"</p>
                <output class="node-number num">{move || counter.get().map_or_else(|| "–".to_owned(), thousands)}</output>
                <div class="node-acts">
                    <ActionForm action=add>
                        <Asks node=add_name label=add_label tone="primary" busy=adding>"Add one"</Asks>
                    </ActionForm>
                    <ActionForm action=crash>
                        <Asks node=crash_name label=crash_label tone="quiet" busy=crashing>"Crash the actor"</Asks>
                    </ActionForm>
                </div>
            </div>
            <dl class="figures node-figures">
                <div class="figure">
                    <dt>"Up for"</dt>
                    <dd data-figure="uptime"><span class="num">{figure(|vitals| uptime(vitals.uptime_s).1)}</span></dd>
                </div>
                <div class="figure">
                    <dt>"Open streams"</dt>
                    <dd data-figure="streams"><span class="num">{figure(|vitals| thousands(vitals.streams))}</span></dd>
                </div>
                <div class="figure">
                    <dt>"CPU, of a core"</dt>
                    <dd><span class="num">{figure(|vitals| format!("{:.1}", vitals.cpu_percent))}</span><span class="unit">"%"</span></dd>
                </div>
                <div class="figure">
                    <dt>"Memory"</dt>
                    <dd><span class="num">{figure(|vitals| format!("{:.1}", vitals.memory_bytes as f64 / 1e6))}</span><span class="unit">"MB"</span></dd>
                </div>
            </dl>
        </article>
    }
}

/// What a form of a node sends: its name.
#[component]
fn Asks(
    node: String,
    /// The button's name where its words alone do not tell whose it is.
    label: String,
    tone: &'static str,
    #[prop(into)] busy: Signal<bool>,
    children: Children,
) -> impl IntoView {
    view! {
        <input type="hidden" name="node" value=node/>
        <button class="btn" data-tone=tone type="submit" aria-label=label aria-busy=move || busy.get().then_some("true")>
            {children()}
        </button>
    }
}

/// For how long it has told nothing, where that is longer than a telling may be late.
fn quiet_s(cluster: Cluster, topic: &str) -> Option<f64> {
    let told_ms = cluster.sees.rows.with(|rows| {
        let row = rows.iter().find(|row| row.topic().as_str() == topic)?;
        row.version().map(Version::ms)
    });
    // While the page itself hears nothing, that says nothing of the nodes.
    let is_heard = cluster.sees.status.get() == TopicStatus::Live;
    cluster.lasts_s(told_ms?).filter(|seconds| is_heard && *seconds > QUIET_S)
}

/// Since when, by whom, and why.
fn since(cluster: Cluster, view: &NodeView, quiet_s: Option<f64>) -> String {
    let lasts = view.since_ms.and_then(|since_ms| cluster.lasts_s(since_ms));
    let lasts = lasts.map(|seconds| format!("for {}", lasted(seconds)));
    let by = view.witness.as_ref().map(|witness| match view.fare {
        Fare::Up => format!("reached by {witness}"),
        _ => format!("says {witness}"),
    });
    let quiet = quiet_s.filter(|_| view.fare == Fare::Up);
    let quiet = quiet.map(|seconds| format!("nothing heard of it for {}", lasted(seconds)));
    let words = lasts.into_iter().chain(by).chain(quiet).collect::<Vec<_>>().join(", ");
    match view.reason.as_ref().filter(|_| view.fare != Fare::Up) {
        Some(reason) => format!("{words}: {reason}"),
        None => words,
    }
}

fn glyph(fare: Fare) -> &'static str {
    match fare {
        Fare::Up => "live",
        Fare::Down => "down",
        Fare::Left => "rest",
        Fare::Incompatible => "incompatible",
    }
}
