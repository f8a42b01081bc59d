//! Faults made on purpose: only where the server was started for a demonstration, and only with its token.

use leptos::prelude::*;

use super::Cluster;
use crate::api::MakeFault;

/// The form, and the faults that there are.
#[component]
pub(crate) fn Faults(cluster: Cluster) -> impl IntoView {
    let fault = ServerAction::<MakeFault>::new();
    let said = move || match fault.value().get() {
        Some(Err(refused)) => Some(refused.reason),
        _ => None,
    };
    view! {
        <section class="section demo" aria-labelledby="faults-title">
            <div class="section-head">
                <h2 id="faults-title">"Break it "<span class="badge" data-tone="amber">"demo mode"</span></h2>
                <p>"Faults made on purpose, on real links and real processes. A link heals by itself after 30 seconds, and a node that is stopped is started again by what keeps it running. The token is printed where the cluster was started."</p>
            </div>
            <div class="demo-body">
                <ActionForm action=fault attr:class="demo-form">
                    <div class="field">
                        <label class="field-label" for="fault-token">"Token"</label>
                        <input class="input" id="fault-token" name="token" type="password" autocomplete="off" required/>
                    </div>
                    <div class="field">
                        <label class="field-label" for="fault-what">"Do"</label>
                        <select class="select" id="fault-what" name="what">
                            <option value="cut">"Cut the link between"</option>
                            <option value="slow">"Add 300 ms on the link between"</option>
                            <option value="heal">"Heal the link between"</option>
                            <option value="stop">"Stop the first node"</option>
                        </select>
                    </div>
                    <NodeSelect cluster label="First node" name="first" index=0/>
                    <NodeSelect cluster label="Second node" name="second" index=1/>
                    <button class="btn" data-tone="danger" type="submit" aria-busy=move || fault.pending().get().then_some("true")>"Do it"</button>
                </ActionForm>
                <p class="field-error" role="alert">{said}</p>
                <Made cluster/>
            </div>
        </section>
    }
}

#[component]
fn NodeSelect(cluster: Cluster, label: &'static str, name: &'static str, index: usize) -> impl IntoView {
    let names = Memo::new(move |_| {
        cluster.nodes.with(|nodes| nodes.iter().map(|view| view.node.to_string()).collect::<Vec<_>>())
    });
    let id = format!("fault-{name}");
    let named = id.clone();
    view! {
        <div class="field">
            <label class="field-label" for=id>{label}</label>
            <select class="select" id=named name=name>
                <For each=move || names.get().into_iter().enumerate() key=|(_, node)| node.clone() let((at, node))>
                    <option value=node.clone() selected=at == index>{node.clone()}</option>
                </For>
            </select>
        </div>
    }
}

/// What is broken now, as each node tells it of its own links.
#[component]
fn Made(cluster: Cluster) -> impl IntoView {
    let made = Memo::new(move |_| {
        cluster.told.with(|told| {
            let one = |(at, trouble): (String, &crate::cluster::Trouble)| {
                let what = if trouble.cut { "cut".to_owned() } else { format!("{} ms slower", trouble.delay_ms) };
                format!("{at}: link to {} is {what}, heals in {} s", trouble.node, trouble.left_ms.div_ceil(1000))
            };
            told.iter()
                .flat_map(|(at, sees)| sees.troubles.iter().map(move |trouble| (at.to_string(), trouble)))
                .map(one)
                .collect::<Vec<_>>()
        })
    });
    view! {
        <ul class="demo-made num">
            {move || made.get().into_iter().map(|line| view! {
                <li><span class="glyph" data-glyph="gap" aria-hidden="true"></span>{line}</li>
            }).collect::<Vec<_>>()}
        </ul>
    }
}
