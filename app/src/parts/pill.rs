//! The connection pill: how the page's stream is doing, in a word, a shape and a colour.

use leptos::{html::Div, prelude::*};
use tidings_leptos::{Link, UseConnection, use_connection};

/// The connection pill. Its cursor moves when something came, and only then.
#[component]
pub(crate) fn Pill() -> impl IntoView {
    let UseConnection { link, node, retry_in_s, heard, .. } = use_connection();
    let word = move || match link.get() {
        Link::None => "not live yet",
        other => other.as_str(),
    };
    let note = move || match link.get() {
        Link::None => "painted by the server".to_owned(),
        Link::Connecting => "opening the stream".to_owned(),
        Link::Live => node.get().map_or_else(String::new, |node| format!("on {node}")),
        Link::Stale => "nothing heard".to_owned(),
        Link::Resuming => "catching up".to_owned(),
        Link::Offline => match retry_in_s.get() {
            Some(seconds) if seconds > 0 => format!("retry in {seconds} s"),
            _ => "trying again".to_owned(),
        },
    };
    let pill = NodeRef::<Div>::new();
    // Set in the browser alone: a style attribute in the page would break a strict content security policy.
    Effect::new(move |_| {
        if let Some(pill) = pill.get() {
            let turns = f64::from(heard.get()) / 12.0;
            let _ = leptos::web_sys::HtmlElement::style(&pill).set_property("--turn", &turns.to_string());
        }
    });
    view! {
        <div class="pill" data-state=move || link.get().as_str() data-driven="" node_ref=pill>
            <svg class="pill-ring" viewBox="0 0 32 32" aria-hidden="true">
                <g class="pill-spin">
                    <circle class="pill-track" cx="16" cy="16" r="10" transform="rotate(-90 16 16)"/>
                    <circle class="pill-cursor" cx="16" cy="6" r="4"/>
                </g>
                <path class="pill-shape" data-for="stale" d="M13.5 12.5v7M18.5 12.5v7"/>
                <path class="pill-shape" data-for="resuming" d="M12 12.5l3.5 3.5-3.5 3.5M17 12.5l3.5 3.5-3.5 3.5"/>
                <path class="pill-shape" data-for="offline" d="M12.5 12.5l7 7M19.5 12.5l-7 7"/>
            </svg>
            <span class="pill-word" role="status">{word}</span>
            <span class="pill-note" aria-hidden="true">{note}</span>
        </div>
    }
}
