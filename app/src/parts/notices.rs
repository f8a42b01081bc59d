//! What a visitor has to be told and may put away.

use leptos::prelude::*;
use tidings_leptos::{UseConnection, use_connection};

/// Notices over the page: the past was lost, or a new build is there.
#[component]
pub(crate) fn Notices() -> impl IntoView {
    let UseConnection { rewound, outdated, .. } = use_connection();
    let seen = RwSignal::new(0_u32);
    let put_away = RwSignal::new(false);
    view! {
        <div class="notices" role="status">
            <Show when=move || { rewound.get() > seen.get() }>
                <div class="notice" data-kind="rewound">
                    <span class="glyph" data-glyph="rewound" aria-hidden="true"></span>
                    <div class="notice-text">
                        <strong>"The past was rewound"</strong>
                        <p>"The server was restarted and kept nothing. What you see is what it has now; older messages on this page are from before."</p>
                    </div>
                    <button class="notice-close" type="button" aria-label="Put this notice away" on:click=move |_| seen.set(rewound.get())>"×"</button>
                </div>
            </Show>
            <Show when=move || outdated.get() && !put_away.get()>
                <div class="notice" data-kind="reload">
                    <span class="glyph" data-glyph="reload" aria-hidden="true"></span>
                    <div class="notice-text">
                        <strong>"There is a new version"</strong>
                        <p>"This page goes on, but was made by an older one."</p>
                        <p class="notice-acts"><a class="btn btn-small" href="" rel="external">"Reload"</a></p>
                    </div>
                    <button class="notice-close" type="button" aria-label="Put this notice away" on:click=move |_| put_away.set(true)>"×"</button>
                </div>
            </Show>
        </div>
    }
}
