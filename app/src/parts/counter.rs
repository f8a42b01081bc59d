//! One number, owned by one actor, shown everywhere.

use leptos::prelude::*;
use tidings_leptos::{
    UseTopic, use_topic,
    wire::{NodeName, TopicKind},
};

use super::panel::{Health, Panel};
use crate::{api::AddOne, format::thousands, topics::COUNTER};

/// The counter of one node.
#[component]
pub(crate) fn Counter(node: NodeName) -> impl IntoView {
    let topic = COUNTER.at(&node);
    let UseTopic { value, status, age_s, version, .. } = use_topic(topic.clone());
    let add = ServerAction::<AddOne>::new();
    let error = move || match add.value().get() {
        Some(Err(refused)) => Some(refused.reason),
        _ => None,
    };
    view! {
        <Panel
            id="counter" title="One counter, every browser" topic=topic.as_str() kind=TopicKind::State
            health=Health { status, age_s, version }
        >
            <div class="panel-body">
                <output class="count">{move || value.get().map_or_else(|| "–".to_owned(), thousands)}</output>
            </div>
            <div class="panel-foot">
                <ActionForm action=add attr:class="field">
                    <p class="field-hint">"One actor on this node owns the number. Open a second window and press."</p>
                    <div class="field-line">
                        <button class="btn" type="submit" aria-busy=move || add.pending().get().then_some("true")>"Add one"</button>
                    </div>
                    <div class="field-foot"><p class="field-error" role="alert">{error}</p></div>
                </ActionForm>
            </div>
        </Panel>
    }
}
