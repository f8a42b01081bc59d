//! Every direction between two nodes, as a table: what the map shows, for all who would rather read it.

use leptos::prelude::*;
use tidings_leptos::wire::{NodeName, TopicKind};

use super::{super::panel::Panel, Cluster};
use crate::{
    cluster::{Fare, LinkView},
    format::{lasted, milliseconds},
};

/// The links.
#[component]
pub(crate) fn Links(cluster: Cluster) -> impl IntoView {
    let keys = Memo::new(move |_| {
        cluster.links.with(|links| links.iter().map(|link| (link.from.clone(), link.to.clone())).collect::<Vec<_>>())
    });
    view! {
        <Panel id="links" title="Links, each as its sender tells it" topic="node/*/sees" kind=TopicKind::State health=cluster.health()>
            <Show when=move || !keys.with(Vec::is_empty) fallback=|| view! {
                <div class="empty"><p>"No links: this node has seen no other since it began."</p></div>
            }>
                <div class="table-wrap" tabindex="0" role="region" aria-label="Links between nodes">
                    <table class="table">
                        <thead><tr>
                            <th scope="col">"From"</th>
                            <th scope="col">"To"</th>
                            <th scope="col" class="grow">"How it is"</th>
                            <th scope="col" class="num">"Messages"</th>
                            <th scope="col" class="num">"Round trip"</th>
                        </tr></thead>
                        <tbody>
                            <For each=move || keys.get() key=Clone::clone let((from, to))>
                                <Row cluster from to/>
                            </For>
                        </tbody>
                    </table>
                </div>
            </Show>
        </Panel>
    }
}

#[component]
fn Row(cluster: Cluster, from: NodeName, to: NodeName) -> impl IntoView {
    let (sender, receiver) = (from.to_string(), to.to_string());
    let of_sender = from.clone();
    let link = Memo::new(move |_| {
        cluster.links.with(|links| links.iter().find(|link| link.from == from && link.to == to).cloned())
    });
    let with =
        move |read: fn(&LinkView) -> String| move || link.with(|link| link.as_ref().map_or_else(String::new, read));
    let status = move || link.with(|link| link.as_ref().map(row_status));
    let glyph = move || match link.with(|link| link.as_ref().map(|link| (link.fare, link.is_current))) {
        Some((_, false)) | None => "rest",
        Some((Fare::Up, _)) => "live",
        Some((Fare::Left, _)) => "rest",
        Some((Fare::Incompatible, _)) => "incompatible",
        Some((Fare::Down, _)) => "down",
    };
    let says = move || {
        let link = link.get()?;
        if !link.is_current {
            return Some(format!("{of_sender} is away: this is what it told last"));
        }
        let lasts =
            cluster.lasts_s(link.since_ms).map_or_else(String::new, |seconds| format!(" for {}", lasted(seconds)));
        let reason = link.reason.map_or_else(String::new, |reason| format!(": {reason}"));
        Some(format!("{}{lasts}{reason}", link.fare.as_str()))
    };
    view! {
        <tr data-status=status data-link=format!("{sender}-{receiver}")>
            <th scope="row">{sender.clone()}</th>
            <td>{receiver.clone()}</td>
            <td class="grow link-says"><span class="glyph" data-glyph=glyph aria-hidden="true"></span>{says}</td>
            <td class="num">{with(|link| link.per_s.filter(|_| link.is_current).map_or_else(|| "–".to_owned(), |rate| format!("{rate:.1}/s")))}</td>
            <td class="num">{with(|link| link.round_trip_ms.filter(|_| link.is_current).map_or_else(|| "–".to_owned(), |ms| format!("{} ms", milliseconds(ms))))}</td>
        </tr>
    }
}

fn row_status(link: &LinkView) -> &'static str {
    match (link.is_current, link.fare) {
        (false, _) | (_, Fare::Left) => "stale",
        (_, Fare::Up) => "live",
        _ => "down",
    }
}
