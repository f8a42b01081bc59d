//! The head of every page: the mark, where one can go, and how the stream is doing.

use leptos::prelude::*;
use leptos_router::components::A;

use super::pill::Pill;

/// The head of every page.
#[component]
pub(crate) fn Header() -> impl IntoView {
    view! {
        <header class="site-head">
            <div class="site-head-in">
                <a class="brand" href="/">
                    <Mark/>
                    <span class="brand-name">"Tidings"</span>
                </a>
                <nav class="nav" aria-label="Main">
                    <ul>
                        <li><A href="/" exact=true>"Home"</A></li>
                        <li><A href="/board/1">"Board"</A></li>
                        <li><A href="/chat/lobby">"Chat"</A></li>
                        <li><A href="/cluster">"Cluster"</A></li>
                    </ul>
                </nav>
                <Pill/>
            </div>
        </header>
    }
}

/// A ring with a cursor on it: the mechanism itself.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
            <g transform="rotate(45 16 16)">
                <circle
                    class="mark-ring" cx="16" cy="16" r="11.5" pathLength="360"
                    stroke-dasharray="300 60" stroke-dashoffset="-30" transform="rotate(-90 16 16)"
                />
                <circle class="mark-cursor" cx="16" cy="4.5" r="4"/>
            </g>
        </svg>
    }
}
