//! What visitors say: a log with a form.

use leptos::{html::Input, prelude::*};
use tidings_leptos::{UseLog, use_log, wire::TopicKind};

use super::{
    log::Row,
    panel::{Health, Panel},
};
use crate::{
    api::Say,
    site::Site,
    topics::{MESSAGE_CHARS_MAX, MESSAGES},
};

/// Messages that the page shows.
const SHOWN: u32 = 50;

/// The message feed.
#[component]
pub(crate) fn Messages() -> impl IntoView {
    let topic = MESSAGES.at();
    let UseLog { items, status, age_s, version, .. } = use_log(topic.clone(), SHOWN);
    view! {
        <Panel
            id="messages" title="Messages" topic=topic.as_str() kind=TopicKind::Events class="bench-side"
            health=Health { status, age_s, version }
        >
            <div class="panel-body">
                <div class="log" tabindex="0" role="log" aria-label="Messages, times in UTC">
                    <Show when=move || items.with(|items| !items.is_empty()) fallback=Nothing>
                        <ol class="log-list">
                            <For each=move || items.get() key=|item| item.key let:item>
                                <Row item/>
                            </For>
                        </ol>
                    </Show>
                </div>
            </div>
            <div class="panel-foot"><SayForm/></div>
        </Panel>
    }
}

/// Says what to do where there is nothing to see.
#[component]
fn Nothing() -> impl IntoView {
    let url = use_context::<Site>().map_or_else(String::new, |site| site.url);
    view! {
        <div class="empty">
            <p>"No messages yet. Publish one below, or from a terminal:"</p>
            <pre class="code command" tabindex="0" aria-label="Shell command"><code>
                <span class="cmd">{format!("curl -d '{{\"text\":\"hello\"}}' \\\n    -H 'content-type: application/json' \\\n    {url}/api/topics/demo/messages")}</span>
            </code></pre>
        </div>
    }
}

#[component]
fn SayForm() -> impl IntoView {
    let say = ServerAction::<Say>::new();
    let refused = move || match say.value().get() {
        Some(Err(refused)) => Some(refused),
        _ => None,
    };
    // What a page without script was refused comes back in its address: shown again, to be mended.
    let kept = untrack(refused).map_or_else(String::new, |refused| refused.text);
    let length = RwSignal::new(kept.chars().count());
    let input = NodeRef::<Input>::new();
    Effect::new(move |_| {
        // What was typed before the page was taken over.
        if let Some(input) = input.get() {
            length.set(input.value().chars().count());
        }
    });
    Effect::new(move |_| {
        if matches!(say.value().get(), Some(Ok(())))
            && let Some(input) = input.get_untracked()
        {
            input.set_value("");
            length.set(0);
        }
    });
    view! {
        <ActionForm action=say attr:class="field">
            <label class="field-label" for="say-text">"Your message"</label>
            <div class="field-line">
                <input
                    class="input" id="say-text" name="text" type="text" autocomplete="off"
                    placeholder="Say something" value=kept aria-describedby="say-error say-count"
                    aria-invalid=move || refused().map(|_| "true")
                    node_ref=input
                    on:input:target=move |event| length.set(event.target().value().chars().count())
                />
                <button class="btn" type="submit" aria-busy=move || say.pending().get().then_some("true")>"Publish"</button>
            </div>
            <div class="field-foot">
                <p class="field-error" id="say-error" role="alert">{move || refused().map(|refused| refused.reason)}</p>
                <p class="field-count num" id="say-count" data-over=move || (length.get() > MESSAGE_CHARS_MAX).then_some("true")>
                    {move || length.get()}" / "{MESSAGE_CHARS_MAX}
                </p>
            </div>
        </ActionForm>
    }
}
