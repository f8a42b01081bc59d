//! The lines that make a component live, and the ones that reach it from a terminal.

use leptos::prelude::*;

use crate::site::Site;

/// The section with the code.
#[component]
pub(crate) fn Lines() -> impl IntoView {
    let url = use_context::<Site>().map_or_else(String::new, |site| site.url);
    let listen = format!("curl -N '{url}/live?topic=demo/messages'");
    let publish = format!(
        "curl -d '{{\"text\":\"hello\"}}' \\\n    -H 'content-type: application/json' \\\n    {url}/api/topics/demo/messages"
    );
    view! {
        <section class="section" aria-labelledby="lines-title">
            <div class="section-head">
                <h2 id="lines-title">"Six lines that do it"</h2>
                <p>"A topic is a type, shared by server and browser. The hook paints the value on the server and keeps it current in the page."</p>
            </div>
            <div class="split">
                <figure class="listing">
                    <figcaption class="listing-head"><span>"In your app"</span></figcaption>
                    <pre class="code" tabindex="0" aria-label="Rust code"><code>
                        <span class="k">"topics!"</span>" { "<span class="k">"pub"</span>" "<span class="t">"MESSAGES"</span>": Events<Message> = "<span class="s">"\"demo/messages\""</span>"; }\n\n"
                        <span class="c">"// on the server, once: who may, and what is valid\n"</span>
                        "hub.serve("<span class="t">"MESSAGES"</span>").read(anyone).write(anyone).validate(check);\n"
                        <span class="c">"// from anywhere on the server\n"</span>
                        "hub.publish(&"<span class="t">"MESSAGES"</span>".at(), &message)?;\n\n"
                        <span class="c">"// in the app, once\n"</span>
                        "provide_live();\n"
                        <span class="c">"// in any component\n"</span>
                        <span class="k">"let"</span>" UseLog { items, .. } = use_log("<span class="t">"MESSAGES"</span>".at(), 50);\n"
                        <span class="k">"let"</span>" UseTopic { value, .. } = use_topic("<span class="t">"COUNTER"</span>".at(node));"
                    </code></pre>
                </figure>
                <figure class="listing">
                    <figcaption class="listing-head"><span>"From a terminal"</span></figcaption>
                    <pre class="code command" tabindex="0" aria-label="Shell commands"><code>
                        <span class="cmd">{listen}</span>
                        <span class="cmd">{publish}</span>
                    </code></pre>
                </figure>
            </div>
        </section>
    }
}
