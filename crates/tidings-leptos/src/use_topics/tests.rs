//! One key's change re-renders one row: what renders counts its runs.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use reactive_graph::effect::ImmediateEffect;
use serde_json::value::RawValue;
use tidings_wire::OriginTag;

use super::*;
use crate::page::{Draft, Item};

fn name(card: u64) -> TopicName {
    TopicName::new(&format!("board/7/card/{card}/title")).unwrap()
}

fn raw(value: &str) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

fn item(card: u64, at: u64, value: &str) -> News {
    let version = Version::new(at, 0, OriginTag::from_low_bits(1));
    News::Item(Item { topic: name(card), version, stamp: at, data: raw(value).into() })
}

fn drafts(card: u64, values: &[&str]) -> News {
    let draft = |value: &&str| Draft { id: (*value).into(), data: Some(raw(value).into()) };
    News::Drafts(name(card), values.iter().map(draft).collect::<Rc<[_]>>())
}

/// A list as a page draws it, without a browser: an effect for the list, and one for each row.
struct Drawn {
    rows: RwSignal<Rows<String>>,
    list: Arc<AtomicU32>,
    row: Vec<(u64, Arc<AtomicU32>)>,
    effects: Vec<ImmediateEffect>,
}

impl Drawn {
    fn new(rows: RwSignal<Rows<String>>) -> Self {
        let list = Arc::new(AtomicU32::new(0));
        let count = list.clone();
        let effect = ImmediateEffect::new_isomorphic(move || {
            rows.with(|_| ());
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { rows, list, row: Vec::new(), effects: vec![effect] }
    }

    fn draw_row(&mut self, card: u64) {
        let row = self.rows.with_untracked(|rows| rows.0[&name(card)].0.clone());
        let drawn = Arc::new(AtomicU32::new(0));
        self.row.push((card, drawn.clone()));
        self.effects.push(ImmediateEffect::new_isomorphic(move || {
            row.with(|_| ());
            drawn.fetch_add(1, Ordering::Relaxed);
        }));
    }

    fn tell(&self, news: &News) {
        let (News::Item(Item { topic, .. }) | News::Nothing(topic) | News::Drafts(topic, _)) = news else { return };
        self.rows.maybe_update(|rows| rows.tell(topic, news, true));
    }

    /// How often the list was drawn, and each row.
    fn counts(&self) -> (u32, Vec<u32>) {
        let rows = self.row.iter().map(|(_, count)| count.load(Ordering::Relaxed));
        (self.list.load(Ordering::Relaxed), rows.collect())
    }

    fn values(&self) -> Vec<String> {
        self.rows.with_untracked(|rows| rows.shown().filter_map(TopicRow::get).collect())
    }
}

#[test]
fn one_keys_change_draws_one_row() {
    let owner = Owner::new();
    owner.set();
    let mut drawn = Drawn::new(RwSignal::new(Rows::default()));
    for card in 1..=3 {
        drawn.tell(&item(card, card, "first"));
        drawn.draw_row(card);
    }
    assert_eq!(drawn.counts(), (4, vec![1, 1, 1]), "each row that came has drawn the list");

    drawn.tell(&item(2, 10, "second"));
    assert_eq!(drawn.counts(), (4, vec![1, 2, 1]));
    drawn.tell(&item(2, 10, "second"));
    assert_eq!(drawn.counts(), (4, vec![1, 2, 1]), "told again is no change");

    drawn.tell(&News::Nothing(name(3)));
    assert_eq!(drawn.values(), ["first", "second"]);
    drawn.tell(&item(4, 11, "fourth"));
    assert_eq!(drawn.counts().0, 6, "one went and one came");
}

#[test]
fn a_write_of_the_page_is_shown_over_the_servers_value_and_undone() {
    let owner = Owner::new();
    owner.set();
    let mut drawn = Drawn::new(RwSignal::new(Rows::default()));
    drawn.tell(&item(1, 1, "theirs"));
    drawn.draw_row(1);
    drawn.tell(&drafts(1, &["a", "mine"]));
    assert_eq!(drawn.values(), ["mine"], "the newest of those that wait");
    drawn.tell(&item(1, 2, "theirs again"));
    assert_eq!(drawn.values(), ["mine"]);
    drawn.tell(&drafts(1, &[]));
    assert_eq!(drawn.values(), ["theirs again"]);
    // A card that is on no server yet.
    drawn.tell(&drafts(9, &["new"]));
    assert_eq!(drawn.values(), ["theirs again", "new"]);
    drawn.tell(&drafts(9, &[]));
    assert_eq!(drawn.values(), ["theirs again"], "refused: its row goes");
}

#[test]
fn what_cannot_be_read_keeps_its_row_and_says_so() {
    let owner = Owner::new();
    owner.set();
    let drawn = Drawn::new(RwSignal::new(Rows::default()));
    drawn.tell(&item(1, 1, "first"));
    let newer = Version::new(2, 0, OriginTag::from_low_bits(1));
    let data: Box<RawValue> = serde_json::from_str("{\"later\":1}").unwrap();
    drawn.tell(&News::Item(Item { topic: name(1), version: newer, stamp: 2, data: data.into() }));
    let row = drawn.rows.with_untracked(|rows| rows.0[&name(1)].0.clone());
    assert_eq!((row.get().as_deref(), row.is_incompatible()), (Some("first"), true));
    drawn.tell(&item(1, 3, "third"));
    assert_eq!((row.get().as_deref(), row.is_incompatible()), (Some("third"), false));
}

#[test]
fn a_row_that_the_page_clears_goes_at_once_and_is_back_when_it_is_refused() {
    let owner = Owner::new();
    owner.set();
    let mut drawn = Drawn::new(RwSignal::new(Rows::default()));
    drawn.tell(&item(1, 1, "first"));
    drawn.tell(&item(2, 2, "second"));
    drawn.draw_row(1);
    let cleared = |card| News::Drafts(name(card), Rc::from([Draft { id: "x".into(), data: None }]));
    let lists = drawn.counts().0;
    drawn.tell(&cleared(1));
    assert_eq!((drawn.values(), drawn.counts().0), (vec!["second".to_owned()], lists + 1));
    drawn.tell(&drafts(1, &[]));
    assert_eq!((drawn.values(), drawn.counts().0), (vec!["first".to_owned(), "second".to_owned()], lists + 2));
    // Agreed to, in the order in which the page hears it.
    drawn.tell(&cleared(1));
    drawn.tell(&News::Nothing(name(1)));
    drawn.tell(&drafts(1, &[]));
    assert_eq!(drawn.values(), ["second"]);
    assert_eq!(drawn.rows.with_untracked(|rows| rows.0.len()), 1, "nothing is kept of it");
}
