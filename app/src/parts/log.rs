//! Rows of a log: messages, what waits to be one, and the breaks between them.

use leptos::prelude::*;
use tidings_leptos::{LogItem, LogRow, wire::event::GapCause};

use crate::{
    format::{datetime, time_of_day},
    topics::Message,
};

/// One row.
#[component]
pub(crate) fn Row(item: LogItem<Message>) -> impl IntoView {
    match item.row {
        LogRow::Message { version, value } => view! {
            <li class="log-row">
                <time class="log-time" datetime=datetime(version.ms())>{time_of_day(version.ms())}</time>
                <span class="log-text">{value.text}</span>
            </li>
        }
        .into_any(),
        LogRow::Pending { value } => view! {
            <li class="log-row" data-pending="">
                <span class="log-time">"sending"</span>
                <span class="log-text">{value.text}</span>
            </li>
        }
        .into_any(),
        LogRow::Missed(cause) => view! { <Mark mark="gap" says=gap_words(cause)/> }.into_any(),
        _ => view! { <Mark mark="rewound" says="rewound: the server lost its past"/> }.into_any(),
    }
}

#[component]
fn Mark(mark: &'static str, says: &'static str) -> impl IntoView {
    view! {
        <li class="log-mark" data-mark=mark>
            <span class="glyph" data-glyph=mark aria-hidden="true"></span>
            <span>{says}</span>
        </li>
    }
}

fn gap_words(cause: GapCause) -> &'static str {
    match cause {
        GapCause::Slow => "gap: more came than this page could read",
        GapCause::CursorTooOld => "gap: this page was away for more than an hour",
        _ => "gap: you may have missed messages",
    }
}
