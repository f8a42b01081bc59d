//! Who is here: guests, each once, however many tabs they have open.

use leptos::prelude::*;
use tidings_leptos::PresenceRow;

use crate::{guest::use_me, topics::Here};

/// What is shown of one guest, of all its tabs together.
#[derive(Debug, Clone, PartialEq)]
struct Person {
    name: String,
    colour: u8,
    tabs: usize,
    is_me: bool,
    is_typing: bool,
    /// In all tabs.
    is_away: bool,
    /// All tabs have gone a moment ago.
    is_fading: bool,
}

impl Person {
    /// What one tab says is true of the guest where it is the livelier.
    fn of(rows: &[PresenceRow<Here>], is_me: bool) -> Self {
        let (fading, there): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.is_fading());
        let shown = if there.is_empty() { fading } else { there.clone() };
        let metas: Vec<Here> = shown.iter().filter_map(|row| row.meta()).collect();
        let (name, colour) = metas.last().map_or_else(Default::default, |here| (here.name.clone(), here.colour));
        Self {
            name,
            colour,
            tabs: there.len(),
            is_me,
            is_typing: metas.iter().any(|here| here.typing),
            is_away: !metas.is_empty() && metas.iter().all(|here| here.away),
            is_fading: there.is_empty(),
        }
    }

    /// Beside the name, in a few words.
    fn note(&self) -> String {
        let tabs = format!("{} tabs", self.tabs);
        let words = [
            (self.is_me, "you"),
            (self.tabs > 1, tabs.as_str()),
            (self.is_fading, "leaving"),
            (self.is_away && !self.is_fading, "away"),
        ];
        words.iter().filter_map(|(is_so, word)| is_so.then_some(*word)).collect::<Vec<_>>().join(", ")
    }

    fn initials(&self) -> String {
        let words = self.name.split_whitespace().filter_map(|word| word.chars().next());
        words.take(2).flat_map(char::to_uppercase).collect()
    }
}

/// A list of guests with their names; with `compact`, of their initials alone, to be read out all the same.
#[component]
pub(crate) fn People(
    rows: Signal<Vec<PresenceRow<Here>>>,
    /// What the list is of, for those who hear it.
    label: &'static str,
    #[prop(optional)] compact: bool,
) -> impl IntoView {
    let keys = Memo::new(move |_| {
        let mut keys: Vec<String> = rows.with(|rows| rows.iter().map(|row| row.key().to_owned()).collect());
        keys.dedup();
        keys
    });
    view! {
        <ul class="people" data-compact=compact.then_some("") aria-label=label>
            <For each=move || keys.get() key=Clone::clone let:key>
                <OnePerson rows key/>
            </For>
        </ul>
    }
}

#[component]
fn OnePerson(rows: Signal<Vec<PresenceRow<Here>>>, key: String) -> impl IntoView {
    let (me, guest) = (use_me(), key.clone());
    let person = Memo::new(move |_| {
        let own: Vec<_> = rows.with(|rows| rows.iter().filter(|row| row.key() == key).cloned().collect());
        Person::of(&own, me.key().with(|me| me.as_ref() == Some(&key)))
    });
    view! {
        <li
            class="person" data-guest=guest data-tabs=move || person.with(|person| person.tabs)
            data-me=move || person.with(|person| person.is_me).then_some("")
            data-fading=move || person.with(|person| person.is_fading).then_some("")
            data-away=move || person.with(|person| person.is_away).then_some("")
            data-typing=move || person.with(|person| person.is_typing).then_some("")
            title=move || person.with(|person| person.name.clone())
        >
            <span class="avatar" data-colour=move || person.with(|person| person.colour) aria-hidden="true">
                {move || person.with(Person::initials)}
            </span>
            <span class="person-name">{move || person.with(|person| person.name.clone())}</span>
            <span class="person-note">{move || person.with(Person::note)}</span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(tabs: usize, is_me: bool, is_away: bool, is_fading: bool) -> Person {
        let name = "amber grey heron".to_owned();
        Person { name, colour: 0, tabs, is_me, is_typing: false, is_away, is_fading }
    }

    #[test]
    fn a_person_is_told_in_a_few_words() {
        assert_eq!(person(1, false, false, false).note(), "");
        assert_eq!(person(3, true, true, false).note(), "you, 3 tabs, away");
        assert_eq!(person(0, false, true, true).note(), "leaving");
        assert_eq!(person(1, false, false, false).initials(), "AG");
    }
}
