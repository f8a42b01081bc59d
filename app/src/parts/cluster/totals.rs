//! The cluster in a few figures; and what to do where it is one node.

use leptos::prelude::*;
use tidings_leptos::{TopicRow, UseTopics, wire::TopicKind};

use super::{
    super::panel::{Health, Panel},
    Cluster,
};
use crate::{
    cluster::{Fare, Sees},
    format::{milliseconds, thousands},
    site::Site,
};

/// Sums over all nodes.
#[component]
pub(crate) fn Totals(cluster: Cluster) -> impl IntoView {
    let UseTopics { rows, status, age_s, version } = cluster.counters;
    let sum = move || rows.get().iter().filter_map(TopicRow::get).fold(0_u64, u64::saturating_add);
    let up = move || cluster.nodes.with(|nodes| nodes.iter().filter(|view| view.fare == Fare::Up).count());
    let all = move || cluster.nodes.with(Vec::len);
    // Of nodes that are up: what a dead one told last is not of now.
    let rate = move |of: fn(&Sees) -> u64| {
        move || {
            let up: Vec<_> = cluster.nodes.with(|nodes| {
                nodes.iter().filter(|view| view.fare == Fare::Up).map(|view| view.node.clone()).collect()
            });
            cluster.told.with(|told| {
                let rates = up.iter().filter_map(|node| told.get(node)).filter_map(|sees| sees.per_s(of(sees)));
                format!("{:.1}", rates.sum::<f64>())
            })
        }
    };
    let slowest = move || {
        cluster.links.with(|links| {
            let trips = links.iter().filter(|link| link.is_current).filter_map(|link| link.round_trip_ms);
            trips.reduce(f32::max).map_or_else(|| "–".to_owned(), milliseconds)
        })
    };
    view! {
        <Panel
            id="totals" title="All counters together" topic="node/*/counter" kind=TopicKind::State class="bench-side"
            health=Health { status, age_s, version }
        >
            <div class="panel-body">
                <output class="count" data-figure="sum">{move || thousands(sum())}</output>
            </div>
            <dl class="figures totals-figures">
                <div class="figure">
                    <dt>"Nodes up"</dt>
                    <dd data-figure="up"><span class="num">{up}</span><span class="unit">"of "{all}</span></dd>
                </div>
                <div class="figure">
                    <dt>"Slowest round trip"</dt>
                    <dd data-figure="slowest"><span class="num">{slowest}</span><span class="unit">"ms"</span></dd>
                </div>
                <div class="figure">
                    <dt>"Applied, all nodes"</dt>
                    <dd data-figure="applied"><span class="num">{rate(|sees| sees.applied)}</span><span class="unit">"a second"</span></dd>
                </div>
                <div class="figure">
                    <dt>"Delivered to readers"</dt>
                    <dd data-figure="delivered"><span class="num">{rate(|sees| sees.delivered)}</span><span class="unit">"a second"</span></dd>
                </div>
            </dl>
            <div class="panel-foot">
                <Show when=move || all() == 1 fallback=|| view! {
                    <p class="field-hint">"Each counter is owned by one actor on one node. What they publish, all nodes hold: any of them can say the sum."</p>
                }>
                    <Alone/>
                </Show>
            </div>
        </Panel>
    }
}

/// Says how to begin a cluster.
#[component]
fn Alone() -> impl IntoView {
    let is_solo = use_context::<Site>().is_some_and(|site| site.engine == "solo");
    view! {
        <div class="empty alone">
            <p>
                <strong>"This node is alone."</strong>" "
                {if is_solo {
                    "It was started without an engine. Stop it, and start three that find each other, with a front door on port 3000:"
                } else {
                    "It has an engine and has found nobody yet. Start two more, or three with a front door on port 3000:"
                }}
            </p>
            <pre class="code command" tabindex="0" aria-label="Shell command"><code><span class="cmd">"script/cluster 3"</span></code></pre>
        </div>
    }
}
