//! Being here, and seeing who else is: for pages that say so in one line.

use std::collections::BTreeMap;

use leptos::prelude::*;
use tidings_leptos::{
    IntoTopic, PresenceRow, UsePresence, use_connection, use_hidden, use_presence,
    wire::{NodeName, Remote},
};

use super::people::People;
use crate::{
    guest::use_me,
    topics::{Here, LOOKS},
};

/// What the guest of this page does, beside being here.
#[derive(Clone, Copy)]
pub(crate) struct Doing {
    pub(crate) typing: Signal<bool>,
    /// The cards whose titles are being written.
    pub(crate) editing: Signal<Vec<u32>>,
    pub(crate) node: Signal<Option<NodeName>>,
}

impl Default for Doing {
    fn default() -> Self {
        Self { typing: Signal::stored(false), editing: Signal::stored(Vec::new()), node: Signal::stored(None) }
    }
}

/// What the guest of this page says of itself on a topic, and who else is there.
pub(crate) fn use_here<K: Remote, T>(topic: impl IntoTopic<K, T>, doing: Doing) -> UsePresence<Here> {
    let (me, away) = (use_me(), use_hidden());
    let here = Signal::derive(move || {
        let (name, colour) =
            me.0.with(|me| me.as_ref().map_or_else(Default::default, |me| (me.name.clone(), me.colour)));
        let (typing, editing, node) = (doing.typing.get(), doing.editing.get(), doing.node.get());
        Here { name, colour, typing, away: away.get(), editing, node }
    });
    use_presence(topic, me.key(), here)
}

/// A line that says who is here.
#[component]
pub(crate) fn WhoIsHere(presence: UsePresence<Here>) -> impl IntoView {
    let UsePresence { rows, keys, status, .. } = presence;
    view! {
        <div class="whois" data-status=move || status.get().as_str()>
            <p class="whois-count"><span class="num">{keys}</span>" here"</p>
            <People rows label="Who is here" compact=true/>
        </div>
    }
}

/// Who looks at the page of the cluster, and how many pages each node serves.
#[component]
pub(crate) fn Lookers() -> impl IntoView {
    let node = use_connection().node;
    let node = Signal::derive(move || node.get().and_then(|node| node.parse().ok()));
    let UsePresence { rows, keys, status, .. } = use_here(LOOKS.at(), Doing { node, ..Doing::default() });
    let by_node = Memo::new(move |_| by_node(&rows.get()));
    view! {
        <div class="whois" id="lookers" data-status=move || status.get().as_str()>
            <p class="whois-count"><span class="num">{keys}</span>" looking"</p>
            <People rows label="Who looks at this page" compact=true/>
            <ul class="whois-nodes" aria-label="Pages by node">
                <For each=move || by_node.get() key=Clone::clone let:served>
                    <li data-lookers=served.0.clone()>
                        <code class="topic">{served.0.clone()}</code>" "<span class="num">{served.1}</span>
                    </li>
                </For>
            </ul>
        </div>
    }
}

/// Pages that are there, by the node that serves them; one whose stream is not open yet says none.
fn by_node(rows: &[PresenceRow<Here>]) -> Vec<(String, usize)> {
    let there = rows.iter().filter(|row| !row.is_fading());
    let mut counts = BTreeMap::new();
    for node in there.filter_map(|row| row.meta()?.node) {
        *counts.entry(node.to_string()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}
