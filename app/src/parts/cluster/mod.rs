//! What the cluster's page is made of: one set of topics, and what is made of them.

mod faults;
mod links;
mod map;
mod node;
mod totals;

use leptos::prelude::*;
use tidings_leptos::{TopicRow, UseConnection, UseTopics, use_connection, use_topics, wire::NodeName};

pub(crate) use faults::Faults;
pub(crate) use links::Links;
pub(crate) use map::Map;
pub(crate) use node::Nodes;
pub(crate) use totals::Totals;

use super::panel::Health;
use crate::{
    cluster::{GONE_MS, LinkView, NodeView, Sees, Told, links, nodes},
    site::Site,
    topics::{COUNTER, SEES, VITALS, Vitals},
};

/// A minute.
const MINUTE_MS: u64 = 60_000;

/// The cluster, as all its nodes tell it.
#[derive(Clone, Copy)]
pub(crate) struct Cluster {
    pub(crate) sees: UseTopics<Sees>,
    pub(crate) vitals: UseTopics<Vitals>,
    pub(crate) counters: UseTopics<u64>,
    /// The node that serves this page.
    pub(crate) serving: Memo<NodeName>,
    pub(crate) told: Memo<Told>,
    pub(crate) nodes: Memo<Vec<NodeView>>,
    pub(crate) links: Memo<Vec<LinkView>>,
}

/// Holds what every node tells.
pub(crate) fn use_cluster(site: &Site) -> Cluster {
    let (sees, vitals, counters) =
        (use_topics(|| SEES.all()), use_topics(|| VITALS.all()), use_topics(|| COUNTER.all()));
    let UseConnection { node, .. } = use_connection();
    let painted_by = site.node.clone();
    // Until the stream is there, the node that painted the page.
    let serving =
        Memo::new(move |_| node.get().and_then(|node| node.parse().ok()).unwrap_or_else(|| painted_by.clone()));
    // To the minute: who is gone for an hour is looked for no oftener.
    let minute_ms = Memo::new(move |_| now_ms(sees).map_or(0, |now_ms| now_ms as u64 / MINUTE_MS * MINUTE_MS));
    let told = Memo::new(move |_| {
        let rows = sees.rows.get();
        // What a node told an hour ago, and nothing since, nobody mends any more.
        let is_of_now =
            |row: &&TopicRow<Sees>| row.version().is_some_and(|version| version.ms() + GONE_MS >= minute_ms.get());
        let told = rows.iter().filter(is_of_now);
        told.filter_map(|row| Some((SEES.params(row.topic())?.0, row.get()?))).collect::<Told>()
    });
    let all = Memo::new(move |_| told.with(|told| nodes(told, &serving.get(), minute_ms.get())));
    let links = Memo::new(move |_| told.with(|told| all.with(|all| links(told, all))));
    Cluster { sees, vitals, counters, serving, told, nodes: all, links }
}

impl Cluster {
    /// For how many seconds something has been so.
    pub(crate) fn lasts_s(self, since_ms: u64) -> Option<f64> {
        now_ms(self.sees).map(|now_ms| ((now_ms - since_ms as f64) / 1000.0).max(0.0))
    }

    /// How the tellings are doing.
    pub(crate) fn health(self) -> Health {
        let UseTopics { status, age_s, version, .. } = self.sees;
        Health { status, age_s, version }
    }

    pub(crate) fn node(self, name: &NodeName) -> Option<NodeView> {
        self.nodes.with(|nodes| nodes.iter().find(|view| view.node == *name).cloned())
    }
}

/// The time by the servers' clock, as far as the page knows it. It moves once a second.
fn now_ms(sees: UseTopics<Sees>) -> Option<f64> {
    let told_ms = sees.version.get()?.ms();
    Some(told_ms as f64 + sees.age_s.get()? * 1000.0)
}

/// The value of one row, by name.
pub(crate) fn row<T: Clone + Send + Sync + 'static>(topics: UseTopics<T>, topic: &str) -> Option<T> {
    topics.rows.with(|rows| rows.iter().find(|row| row.topic().as_str() == topic).and_then(TopicRow::get))
}
