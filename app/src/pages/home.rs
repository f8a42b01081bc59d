//! Home: three topics, live.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use crate::{
    parts::{Counter, Lines, Messages, VitalsPanel},
    site::Site,
};

/// The home page.
#[component]
pub(crate) fn Home() -> impl IntoView {
    let site = use_context::<Site>();
    view! {
        <Title text="Tidings: live topics for Leptos"/>
        <Meta name="description" content="Live topics for Leptos: publish on any node, and every component on every open page holds the current value."/>
        <div class="hero">
            <h1>"Live topics for Leptos."</h1>
            <p class="lede">"Publish on any node, and every component on every open page holds the current value: from the first painted byte, through reconnects."</p>
        </div>
        {site.map(|site| view! {
            <div class="bench">
                <VitalsPanel node=site.node.clone()/>
                <Counter node=site.node/>
                <Messages/>
            </div>
        })}
        <Lines/>
    }
}
