//! There is no such page.

use leptos::prelude::*;
use leptos_meta::Title;

/// What an address without a page shows.
#[component]
pub(crate) fn NotFound() -> impl IntoView {
    // Only while a request is rendered: the list of routes is made without one.
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not here: Tidings"/>
        <div class="hero">
            <h1>"There is no page here."</h1>
            <p class="lede">"The address may be old or mistyped. "<a href="/">"Go to the home page"</a>"."</p>
        </div>
    }
}
