//! Being here, and seeing who else is: for pages that say so in one line.

use leptos::prelude::*;
use tidings_leptos::{IntoTopic, UsePresence, use_connection, use_hidden, use_presence, wire::Remote};

use super::people::People;
use crate::{guest::use_me, topics::Here};

/// What the guest of this page says of itself on a topic, and who else is there.
pub(crate) fn use_here<K: Remote, T>(topic: impl IntoTopic<K, T>, typing: Signal<bool>) -> UsePresence<Here> {
    let (me, away, node) = (use_me(), use_hidden(), use_connection().node);
    let here = Signal::derive(move || {
        let (name, colour) =
            me.0.with(|me| me.as_ref().map_or_else(Default::default, |me| (me.name.clone(), me.colour)));
        let node = node.get().and_then(|node| node.parse().ok());
        Here { name, colour, typing: typing.get(), away: away.get(), node }
    });
    use_presence(topic, me.key(), here)
}

/// A line that says who is here: the page itself is, for as long as it shows this.
#[component]
pub(crate) fn WhoIsHere<K: Remote, T: 'static>(
    topic: impl IntoTopic<K, T>,
    #[prop(optional)] marker: std::marker::PhantomData<(K, T)>,
) -> impl IntoView {
    let _ = marker;
    let UsePresence { rows, keys, status, .. } = use_here(topic, Signal::stored(false));
    view! {
        <div class="whois" data-status=move || status.get().as_str()>
            <p class="whois-count"><span class="num">{keys}</span>" here"</p>
            <People rows label="Who is here" compact=true/>
        </div>
    }
}
