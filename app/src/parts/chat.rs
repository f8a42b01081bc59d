//! A room of the chat: what was said, who is here, and a form.

use std::time::Duration;

use leptos::{html::Input, leptos_dom::helpers::TimeoutHandle, prelude::*};
use tidings_leptos::{LogRow, PresenceRow, UseLog, UsePresence, use_log, wire::TopicKind};

use super::{
    me::MeForm,
    panel::{Health, Panel},
    people::People,
    whois::{Doing, use_here},
};
use crate::{
    api::SayIn,
    chat::{ChatRow, Line, rows},
    format::{datetime, time_of_day},
    guest::use_me,
    topics::{CHAT, Here, MESSAGE_CHARS_MAX},
};

/// Lines that the page shows: more than the topic keeps, so that what was there before a break is still seen.
const SHOWN: u32 = 150;

/// Who has not touched a key for this long is not typing any more.
const TYPING: Duration = Duration::from_secs(3);

/// A room, with all that belongs to it.
#[component]
pub(crate) fn Room(room: Signal<String>) -> impl IntoView {
    let typing = RwSignal::new(false);
    let UseLog { items, status, age_s, version, .. } = use_log(move || CHAT.at(room.get()), SHOWN);
    let presence = use_here(move || CHAT.at(room.get()), Doing { typing: typing.into(), ..Doing::default() });
    let topic = Signal::derive(move || CHAT.at(room.get()).as_str().to_owned());
    let shown = Memo::new(move |_| rows(items.get()));
    view! {
        <Panel id="chat" title="What was said" topic kind=TopicKind::Events health=Health { status, age_s, version }>
            <div class="panel-body">
                <div class="log" tabindex="0" role="log" aria-label="What was said, times in UTC">
                    <Show
                        when=move || shown.with(|rows| !rows.is_empty())
                        fallback=|| view! { <div class="empty"><p>"Nothing was said here yet. Begin below, and open the page in a second window."</p></div> }
                    >
                        <ol class="log-list">
                            // What a break hides is known with the line after it.
                            <For each=move || shown.get() key=|row| (row.item.key, row.missed) let:row><ChatLine row/></For>
                        </ol>
                    </Show>
                </div>
            </div>
            <div class="panel-foot">
                <Typing rows=presence.rows/>
                <SayInForm room typing/>
            </div>
        </Panel>
        <div class="stack">
            <WhoPanel presence/>
            <section class="panel" aria-label="You"><div class="panel-body"><MeForm/></div></section>
        </div>
    }
}

#[component]
fn WhoPanel(presence: UsePresence<Here>) -> impl IntoView {
    let UsePresence { rows, keys, status, error, .. } = presence;
    view! {
        <section class="panel" id="who" aria-labelledby="who-title" data-status=move || status.get().as_str()>
            <header class="panel-head">
                <span class="beacon" aria-hidden="true"></span>
                <h2 class="panel-title" id="who-title">"Who is here"</h2>
                <p class="panel-state"><span class="num">{keys}</span></p>
            </header>
            <div class="panel-body">
                <People rows label="Who is here"/>
                <Show when=move || keys.get() == 0><p class="empty-line">"Nobody yet: you are, once this page is live."</p></Show>
                <p class="field-error" role="alert">{move || error.get()}</p>
            </div>
        </section>
    }
}

/// Who is writing a line: others, not this page's guest.
#[component]
fn Typing(rows: Signal<Vec<PresenceRow<Here>>>) -> impl IntoView {
    let me = use_me().key();
    let words = Memo::new(move |_| {
        let others = |row: &PresenceRow<Here>| me.with(|me| me.as_deref() != Some(row.key())) && !row.is_fading();
        let all = rows.get();
        let metas = all.iter().filter(|row| others(row)).filter_map(PresenceRow::meta);
        typing_words(metas.filter(|here| here.typing).map(|here| here.name).collect())
    });
    view! { <p class="typing" role="status">{words}</p> }
}

fn typing_words(mut names: Vec<String>) -> String {
    names.dedup();
    match &names[..] {
        [] => String::new(),
        [one] => format!("{one} is typing"),
        [one, other] => format!("{one} and {other} are typing"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more are typing", rest.len()),
    }
}

#[component]
fn ChatLine(row: ChatRow) -> impl IntoView {
    let ChatRow { item, missed } = row;
    match item.row {
        LogRow::Message { version, value } => view! {
            <li class="log-row chat-line">
                <time class="log-time" datetime=datetime(version.ms())>{time_of_day(version.ms())}</time>
                <Said line=value/>
            </li>
        }
        .into_any(),
        LogRow::Missed(_) => {
            let words = match missed {
                Some(1) => "you missed 1 message".to_owned(),
                Some(missed) => format!("you missed {missed} messages"),
                None => "you may have missed messages".to_owned(),
            };
            view! { <Break mark="gap" words/> }.into_any()
        }
        LogRow::Rewound => {
            view! { <Break mark="rewound" words="rewound: the server lost its past".to_owned()/> }.into_any()
        }
        // Lines are said through the server, which tells them back: none is shown before.
        _ => ().into_any(),
    }
}

#[component]
fn Said(line: Line) -> impl IntoView {
    let Line { name, colour, text, .. } = line;
    view! {
        <p class="log-text"><span class="chat-name" data-colour=colour>{name}</span>" "<span class="chat-text">{text}</span></p>
    }
}

#[component]
fn Break(mark: &'static str, words: String) -> impl IntoView {
    view! {
        <li class="log-mark" data-mark=mark>
            <span class="glyph" data-glyph=mark aria-hidden="true"></span>
            <span>{words}</span>
        </li>
    }
}

#[component]
fn SayInForm(room: Signal<String>, typing: RwSignal<bool>) -> impl IntoView {
    let say = ServerAction::<SayIn>::new();
    let refused = move || match say.value().get() {
        Some(Err(refused)) => Some(refused),
        _ => None,
    };
    let kept = untrack(refused).map_or_else(String::new, |refused| refused.text);
    let length = RwSignal::new(kept.chars().count());
    let input = NodeRef::<Input>::new();
    Effect::new(move |_| {
        // What was typed before the page was taken over.
        if let Some(input) = input.get() {
            length.set(input.value().chars().count());
        }
    });
    // What was said last, for a refusal must not cost what was typed meanwhile.
    Effect::new(move |_| {
        if matches!(say.value().get(), Some(Ok(())))
            && let Some(input) = input.get_untracked()
        {
            input.set_value("");
            length.set(0);
            typing.set(false);
        }
    });
    let quiet = StoredValue::new(None::<TimeoutHandle>);
    let stop_waiting = move || {
        if let Some(waiting) = quiet.try_update_value(Option::take).flatten() {
            waiting.clear();
        }
    };
    on_cleanup(stop_waiting);
    let typed = move |text: String| {
        length.set(text.chars().count());
        stop_waiting();
        typing.set(!text.is_empty());
        let stop = move || {
            typing.try_set(false);
        };
        quiet.set_value(set_timeout_with_handle(stop, TYPING).ok());
    };
    view! {
        <ActionForm action=say attr:class="field">
            <input type="hidden" name="room" value=room/>
            <label class="field-label" for="chat-text">"Say something"</label>
            <div class="field-line">
                <input
                    class="input" id="chat-text" name="text" type="text" autocomplete="off" value=kept
                    aria-describedby="chat-error chat-count" aria-invalid=move || refused().map(|_| "true") node_ref=input
                    on:input:target=move |event| typed(event.target().value())
                />
                <button class="btn" type="submit" aria-busy=move || say.pending().get().then_some("true")>"Say"</button>
            </div>
            <div class="field-foot">
                <p class="field-error" id="chat-error" role="alert">{move || refused().map(|refused| refused.reason)}</p>
                <p class="field-count num" id="chat-count" data-over=move || (length.get() > MESSAGE_CHARS_MAX).then_some("true")>
                    {move || length.get()}" / "{MESSAGE_CHARS_MAX}
                </p>
            </div>
        </ActionForm>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_typing_is_told_in_one_line() {
        let words = |names: &[&str]| typing_words(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(words(&[]), "");
        assert_eq!(words(&["Ann", "Ann"]), "Ann is typing");
        assert_eq!(words(&["Ann", "Bob"]), "Ann and Bob are typing");
        assert_eq!(words(&["Ann", "Bob", "Cyd", "Dee"]), "Ann, Bob and 2 more are typing");
    }
}
