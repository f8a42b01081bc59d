//! How this node's process is doing.

use leptos::prelude::*;
use tidings_leptos::{
    UseTopic, use_topic,
    wire::{NodeName, TopicKind},
};

use super::panel::{Health, Panel};
use crate::{
    format::{thousands, uptime},
    topics::{VITALS, Vitals},
};

/// The vitals of one node.
#[component]
pub(crate) fn VitalsPanel(node: NodeName) -> impl IntoView {
    let topic = VITALS.at(&node);
    let UseTopic { value, status, age_s, version, .. } = use_topic(topic.clone());
    let figure = move |read: fn(&Vitals) -> String| {
        move || value.with(|vitals| vitals.as_ref().map_or_else(|| "–".to_owned(), read))
    };
    let days = move || value.with(|vitals| vitals.as_ref().map_or(0, |vitals| uptime(vitals.uptime_s).0));
    view! {
        <Panel id="vitals" title="This node" topic=topic.as_str() kind=TopicKind::State health=Health { status, age_s, version }>
            <div class="panel-body">
                <dl class="figures">
                    <div class="figure figure-wide"><dt>"Name"</dt><dd>{node.to_string()}</dd></div>
                    <div class="figure">
                        <dt>"Up for"</dt>
                        <dd data-figure="uptime">
                            <span class="num">{days}</span><span class="unit">"d"</span>" "
                            <span class="num">{figure(|vitals| uptime(vitals.uptime_s).1)}</span>
                        </dd>
                    </div>
                    <div class="figure">
                        <dt>"CPU, of a core"</dt>
                        <dd data-figure="cpu">
                            <span class="num">{figure(|vitals| format!("{:.1}", vitals.cpu_percent))}</span>
                            <span class="unit">"%"</span>
                        </dd>
                    </div>
                    <div class="figure">
                        <dt>"Memory"</dt>
                        <dd data-figure="memory">
                            <span class="num">{figure(|vitals| format!("{:.1}", vitals.memory_bytes as f64 / 1e6))}</span>
                            <span class="unit">"MB"</span>
                        </dd>
                    </div>
                    <div class="figure">
                        <dt>"Open streams"</dt>
                        <dd data-figure="streams"><span class="num">{figure(|vitals| thousands(vitals.streams))}</span></dd>
                    </div>
                </dl>
            </div>
        </Panel>
    }
}
