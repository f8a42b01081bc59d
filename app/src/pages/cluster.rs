//! The cluster: every node tells its state, and every page on every node shows all of them.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use crate::{
    parts::{Faults, Links, Lookers, Map, Nodes, Totals, use_cluster},
    site::{DemoMode, Site},
};

/// The page of the cluster.
#[component]
pub(crate) fn Cluster() -> impl IntoView {
    let site = use_context::<Site>();
    let is_demo = use_context::<DemoMode>().is_some();
    view! {
        <Title text="Cluster: Tidings"/>
        <Meta name="description" content="All nodes of the cluster, live: their state, the links between them, and the messages that travel."/>
        <div class="hero">
            <h1>"Every node, on every page."</h1>
            <p class="lede">"An actor on each node tells its state once a second. Whichever node serves this page, it shows all of them, live."</p>
        </div>
        {site.map(|site| {
            let cluster = use_cluster(&site);
            view! {
                <Lookers/>
                <div class="bench cluster-bench">
                    <Map cluster/>
                    <Totals cluster/>
                </div>
                <Nodes cluster/>
                <div class="section"><Links cluster/></div>
                {is_demo.then(|| view! { <Faults cluster/> })}
            }
        })}
    }
}
