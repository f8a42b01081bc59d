//! Who is on the board, and who is writing which card's title: to be seen before it is written over.

use std::collections::BTreeMap;

use leptos::prelude::*;
use tidings_leptos::UsePresence;

use super::Desk;
use crate::{
    parts::whois::{Doing, use_here},
    topics::{ACTIVITY, EDITING_MAX, Here},
};

/// By card, the names of those who are writing its title elsewhere.
#[derive(Clone, Copy)]
struct Editors(Memo<BTreeMap<u32, Vec<String>>>);

/// Is on the board, and makes known to its cards who else writes them.
pub(super) fn provide_editors(desk: Desk, board: Signal<u32>) -> UsePresence<Here> {
    let editing = Signal::derive(move || {
        let mut cards: Vec<u32> = desk.drafts.with(|drafts| drafts.keys().copied().collect());
        cards.sort_unstable();
        cards.truncate(EDITING_MAX);
        cards
    });
    let presence = use_here(move || ACTIVITY.at(board.get()), Doing { editing, ..Doing::default() });
    provide_context(Editors(Memo::new(move |_| {
        let mut editors: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let rows = presence.rows.get();
        for here in rows.iter().filter(|row| !row.is_mine() && !row.is_fading()).filter_map(|row| row.meta()) {
            here.editing.iter().for_each(|card| editors.entry(*card).or_default().push(here.name.clone()));
        }
        editors
    })));
    presence
}

/// Who is writing a card's title on another page; empty for most of the time.
#[component]
pub(super) fn CardEditors(card: u32) -> impl IntoView {
    let editors = use_context::<Editors>();
    let words = Memo::new(move |_| {
        editors.and_then(|editors| editors.0.with(|editors| editors.get(&card).map(|names| words(names))))
    });
    view! { <p class="card-editors">{words}</p> }
}

fn words(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("{one} is writing here"),
        [one, rest @ ..] => format!("{one} and {} more are writing here", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_told_in_one_line() {
        let words = |names: &[&str]| words(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["Ann"]), "Ann is writing here");
        assert_eq!(words(&["Ann", "Bob", "Cyd"]), "Ann and 2 more are writing here");
    }
}
