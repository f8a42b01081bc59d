//! The foot of every page: which node, which engine.

use leptos::prelude::*;

use crate::site::Site;

/// The foot of every page.
#[component]
pub(crate) fn Footer(site: Site) -> impl IntoView {
    view! {
        <footer class="site-foot">
            <div class="site-foot-in">
                <dl class="foot-facts">
                    <div><dt>"Painted by"</dt><dd>{site.node.to_string()}</dd></div>
                    <div><dt>"Engine"</dt><dd>{site.engine}</dd></div>
                    <div><dt>"Version"</dt><dd>{site.version}</dd></div>
                </dl>
                <ul class="foot-links">
                    <li><a href="/api/topics/demo/messages" rel="external">"Messages as JSON"</a></li>
                    <li><a href="/healthz" rel="external">"Health"</a></li>
                </ul>
            </div>
        </footer>
    }
}
