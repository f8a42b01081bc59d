//! A picture of the nodes, and of the messages that travel between them.

use std::collections::BTreeMap;

use leptos::prelude::*;
use tidings_leptos::wire::{NodeName, TopicKind, TopicName, Version};

use super::{super::panel::Panel, Cluster};
use crate::{
    cluster::{Fare, LinkView, NodeView, dots, places},
    format::{lasted, milliseconds},
    topics::SEES,
};

/// The picture's own units.
const SIZE: (f64, f64) = (400.0, 290.0);
/// How far from its middle the nodes stand.
const REACH: (f64, f64) = (135.0, 88.0);
/// A node's ring.
const RING: f64 = 19.0;
/// How far a direction's lane is beside the line.
const LANE: f64 = 5.0;
/// More nodes than this stand in the table only: their names would lie over each other.
const DRAWN_MAX: usize = 12;
/// More nodes than this, and links are drawn without their figures.
const LABELLED_MAX: usize = 5;
/// Dots of one direction a second: more cannot be told apart.
const DOTS_MAX: u64 = 6;
/// Dots that are kept, those that have arrived included.
const FLIGHTS_MAX: usize = 300;
/// Milliseconds over which a second's messages leave.
const SPREAD_MS: u64 = 900;

/// A dot: one message, or several where there are many.
#[derive(Debug, Clone, PartialEq)]
struct Flight {
    id: u32,
    from: (f64, f64),
    to: (f64, f64),
    delay_ms: u64,
}

/// The map.
#[component]
pub(crate) fn Map(cluster: Cluster) -> impl IntoView {
    let drawn = Memo::new(move |_| {
        let nodes = cluster.nodes.get().into_iter().take(DRAWN_MAX).collect::<Vec<_>>();
        let places = places(nodes.len(), SIZE, REACH);
        nodes.into_iter().zip(places).collect::<Vec<_>>()
    });
    let flights = RwSignal::new(Vec::<Flight>::new());
    let launched = StoredValue::new(0_u32);
    // In the browser only. The first run is what was painted: it was sent at some time before.
    Effect::new(move |before: Option<BTreeMap<TopicName, Version>>| {
        let rows = cluster.sees.rows.get();
        let now: BTreeMap<_, _> = rows.iter().filter_map(|row| Some((row.topic().clone(), row.version()?))).collect();
        for (topic, version) in &now {
            let is_news = before.as_ref().and_then(|before| before.get(topic)).is_some_and(|was| was != version);
            if let Some((from,)) = SEES.params(topic).filter(|_| is_news) {
                let new =
                    untrack(|| drawn.with(|drawn| cluster.links.with(|links| fly(drawn, links, &from, launched))));
                flights.update(|flights| {
                    flights.extend(new);
                    let over = flights.len().saturating_sub(FLIGHTS_MAX);
                    flights.drain(..over);
                });
            }
        }
        now
    });
    let is_sampled = Memo::new(move |_| {
        cluster.links.with(|links| links.iter().any(|link| link.is_current && !dots(link.sent, DOTS_MAX).1))
    });
    let hidden = move || cluster.nodes.with(Vec::len).saturating_sub(DRAWN_MAX);
    view! {
        <Panel id="map" title="Messages that travel" topic="node/*/sees" kind=TopicKind::State health=cluster.health()>
            <div class="panel-body map-body">
                <svg
                    class="map" viewBox=format!("0 0 {} {}", SIZE.0, SIZE.1) role="img"
                    aria-label=move || drawn.with(|drawn| summary(drawn)) aria-describedby="map-says"
                >
                    <g>{move || drawn.with(|drawn| lines(cluster, drawn))}</g>
                    <g>
                        <For each=move || flights.get() key=|flight| flight.id let:flight>
                            <circle
                                class="map-dot" r="3.5"
                                style=("--x1", format!("{:.1}px", flight.from.0)) style=("--y1", format!("{:.1}px", flight.from.1))
                                style=("--x2", format!("{:.1}px", flight.to.0)) style=("--y2", format!("{:.1}px", flight.to.1))
                                style=("--delay", format!("{}ms", flight.delay_ms))
                            />
                        </For>
                    </g>
                    <g>{move || drawn.with(|drawn| rings(cluster, drawn))}</g>
                </svg>
                <p class="map-says" id="map-says" data-sampled=move || is_sampled.get().then_some("")>
                    {move || if is_sampled.get() {
                        format!("Sampled: a link carries more than {DOTS_MAX} messages a second, of which {DOTS_MAX} dots are drawn. The table below has the figures.")
                    } else {
                        "Each dot is one message that has just travelled, as its sender counted it.".to_owned()
                    }}
                    {move || (hidden() > 0).then(|| format!(" {} more nodes are in the table only.", hidden()))}
                </p>
            </div>
        </Panel>
    }
}

type Drawn = [(NodeView, (f64, f64))];

/// What the picture shows, in words.
fn summary(drawn: &Drawn) -> String {
    let words: Vec<_> = drawn.iter().map(|(view, _)| format!("{} is {}", view.node, view.fare.as_str())).collect();
    format!("Map of the cluster: {}", words.join(", "))
}

/// The messages that a node has just told to have sent.
fn fly(drawn: &Drawn, links: &[LinkView], from: &NodeName, launched: StoredValue<u32>) -> Vec<Flight> {
    let place = |node: &NodeName| drawn.iter().find(|(view, _)| view.node == *node).map(|(_, place)| *place);
    let mut flights = Vec::new();
    for link in links.iter().filter(|link| link.from == *from) {
        let (Some(from), Some(to)) = (place(&link.from), place(&link.to)) else { continue };
        let (count, _) = dots(link.sent, DOTS_MAX);
        let ((from, to), _) = lane(from, to, LANE);
        for at in 0..count {
            launched.update_value(|launched| *launched = launched.wrapping_add(1));
            flights.push(Flight { id: launched.get_value(), from, to, delay_ms: SPREAD_MS * at / count });
        }
    }
    flights
}

/// From ring to ring, so far to the left of the straight line; and the middle.
#[allow(clippy::type_complexity, reason = "points")]
fn lane(from: (f64, f64), to: (f64, f64), aside: f64) -> (((f64, f64), (f64, f64)), (f64, f64)) {
    let (x, y) = (to.0 - from.0, to.1 - from.1);
    let length = x.hypot(y).max(1.0);
    let (x, y) = (x / length, y / length);
    let (side_x, side_y) = (y * aside, -x * aside);
    let point = |(px, py): (f64, f64), along: f64| (px + x * along + side_x, py + y * along + side_y);
    ((point(from, RING), point(to, -RING)), (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1)))
}

fn lines(cluster: Cluster, drawn: &Drawn) -> Vec<impl IntoView + use<>> {
    let mut lines = Vec::new();
    let is_labelled = drawn.len() <= LABELLED_MAX;
    for (at, (a, place_a)) in drawn.iter().enumerate() {
        for (b, place_b) in &drawn[at + 1..] {
            let (((x1, y1), (x2, y2)), (x, y)) = lane(*place_a, *place_b, 0.0);
            let (a, b) = (a.node.clone(), b.node.clone());
            let fare = {
                let (a, b) = (a.clone(), b.clone());
                move || link_fare(cluster, &a, &b).as_str()
            };
            let label = move || if is_labelled { label(cluster, &a, &b) } else { String::new() };
            let tenth = |number: f64| format!("{number:.1}");
            lines.push(view! {
                <g class="map-link" data-fare=fare>
                    <line class="map-line" x1=tenth(x1) y1=tenth(y1) x2=tenth(x2) y2=tenth(y2)/>
                    <text class="map-label num" x=tenth(x) y=tenth(y + 3.5)>{label}</text>
                </g>
            });
        }
    }
    lines
}

/// How the link between two nodes does: as well as the worse of its ends says.
fn link_fare(cluster: Cluster, a: &NodeName, b: &NodeName) -> Fare {
    let is_down = |name: &NodeName| cluster.node(name).map(|view| view.fare).filter(|fare| *fare != Fare::Up);
    let ends = is_down(a).or_else(|| is_down(b));
    let between = |links: &Vec<LinkView>| {
        let mine = |link: &&LinkView| (link.from == *a && link.to == *b) || (link.from == *b && link.to == *a);
        links.iter().filter(mine).filter(|link| link.is_current).map(|link| link.fare).find(|fare| *fare != Fare::Up)
    };
    ends.or_else(|| cluster.links.with(between)).unwrap_or(Fare::Up)
}

fn label(cluster: Cluster, a: &NodeName, b: &NodeName) -> String {
    match link_fare(cluster, a, b) {
        Fare::Up => cluster.links.with(|links| {
            let mine = |link: &&LinkView| (link.from == *a && link.to == *b) || (link.from == *b && link.to == *a);
            let slower = links
                .iter()
                .filter(mine)
                .filter_map(|link| link.round_trip_ms)
                .fold(None, |slower: Option<f32>, ms| Some(slower.map_or(ms, |slower| slower.max(ms))));
            slower.map_or_else(String::new, |ms| format!("{} ms", milliseconds(ms)))
        }),
        _ => "no link".to_owned(),
    }
}

fn rings(cluster: Cluster, drawn: &Drawn) -> Vec<impl IntoView + use<>> {
    drawn
        .iter()
        .map(|(view, (x, y))| {
            let (name, fare, since_ms) = (view.node.clone(), view.fare, view.since_ms);
            // Away from the middle, where the lines are.
            let (name_y, state_y) = if *y < SIZE.1 / 2.0 { ("-38", "-25") } else { ("34", "47") };
            let serves = {
                let name = name.clone();
                move || cluster.serving.with(|serving| *serving == name)
            };
            let is_serving = serves.clone();
            let says = move || match (fare, since_ms.and_then(|since_ms| cluster.lasts_s(since_ms))) {
                (Fare::Up, _) if serves() => "serves this page".to_owned(),
                (Fare::Up, _) => "up".to_owned(),
                (fare, Some(seconds)) => format!("{} for {}", fare.as_str(), lasted(seconds)),
                (fare, None) => fare.as_str().to_owned(),
            };
            view! {
                <g
                    class="map-node" data-fare=fare.as_str() data-serving=move || is_serving().then_some("")
                    transform=format!("translate({x:.1} {y:.1})")
                >
                    <circle class="map-back" r=RING/>
                    <circle class="map-ring" r=RING - 5.0 pathLength="360" transform="rotate(-45)"/>
                    <circle class="map-cursor" r="4.5" cx="9.9" cy="-9.9"/>
                    <path class="map-shape" data-for="down" d="M-5 -5L5 5M5 -5L-5 5"/>
                    <path class="map-shape" data-for="left" d="M-3.5 -5V5M3.5 -5V5"/>
                    <path class="map-shape" data-for="incompatible" d="M-6 -3H6M-6 3H6M3 -7L-3 7"/>
                    <text class="map-name" y=name_y>{name.to_string()}</text>
                    <text class="map-state num" y=state_y>{says}</text>
                </g>
            }
        })
        .collect()
}
