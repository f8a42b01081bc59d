//! One entry's change re-renders one row, and no list.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use reactive_graph::effect::ImmediateEffect;
use tidings_wire::event::PresenceDiff;

use super::*;

fn entry(key: &str, id: &str, says: &str) -> PresenceEntry {
    let meta = serde_json::value::to_raw_value(says).unwrap();
    PresenceEntry { key: key.into(), id: id.into(), meta, fading: false, mine: false }
}

fn diff(joins: Vec<PresenceEntry>, leaves: &[(&str, &str)]) -> News {
    let leaves = leaves.iter().map(|(key, id)| ((*key).into(), (*id).into())).collect();
    News::Presence(PresenceDiff { topic: "room".parse().unwrap(), joins, leaves }.into())
}

fn counted(run: impl Fn() + Send + Sync + 'static) -> (Arc<AtomicU32>, ImmediateEffect) {
    let runs = Arc::new(AtomicU32::new(0));
    let count = runs.clone();
    let effect = ImmediateEffect::new_isomorphic(move || {
        run();
        count.fetch_add(1, Ordering::Relaxed);
    });
    (runs, effect)
}

fn tell(rows: RwSignal<Rows<String>>, news: &News) {
    rows.maybe_update(|rows| rows.tell(news));
}

fn here(rows: RwSignal<Rows<String>>) -> Vec<String> {
    rows.with_untracked(|rows| {
        let row = |row: &PresenceRow<String>| format!("{}/{} {}", row.key(), row.id(), row.meta().unwrap_or_default());
        rows.0.values().map(row).collect()
    })
}

#[test]
fn a_meta_draws_its_row_and_nothing_else() {
    let owner = Owner::new();
    owner.set();
    let rows = RwSignal::new(Rows::<String>::default());
    tell(rows, &News::Present([entry("ann", "1", "hello"), entry("bob", "1", "hi")].into()));
    let (list, _list) = counted(move || rows.with(|_| ()));
    let of = |key: &str| rows.with_untracked(|rows| rows.0.values().find(|row| row.key() == key).unwrap().clone());
    let (ann, bob) = (of("ann"), of("bob"));
    let (anns, _ann) = counted(move || ann.with(|_| ()));
    let (bobs, _bob) = counted(move || bob.with(|_| ()));
    let runs = || [&list, &anns, &bobs].map(|runs| runs.load(Ordering::Relaxed));
    assert_eq!(runs(), [1, 1, 1]);
    tell(rows, &diff(vec![entry("bob", "1", "typing")], &[]));
    assert_eq!(runs(), [1, 1, 2]);
    tell(rows, &diff(vec![entry("ann", "2", "in a second tab")], &[]));
    assert_eq!(runs(), [2, 1, 2]);
    assert_eq!(here(rows), ["ann/1 hello", "ann/2 in a second tab", "bob/1 typing"]);
}

#[test]
fn another_list_keeps_the_rows_that_stay() {
    let owner = Owner::new();
    owner.set();
    let rows = RwSignal::new(Rows::<String>::default());
    tell(rows, &News::Present([entry("ann", "1", "hello"), entry("bob", "1", "hi")].into()));
    let before = rows.with_untracked(|rows| rows.0.values().next().unwrap().clone());
    let (list, _list) = counted(move || rows.with(|_| ()));
    // After a reconnect: nobody came or went, and the list is not drawn again.
    tell(rows, &News::Present([entry("ann", "1", "hello"), entry("bob", "1", "away")].into()));
    assert_eq!(list.load(Ordering::Relaxed), 1);
    tell(rows, &News::Present([entry("ann", "1", "hello"), entry("cyd", "9", "new")].into()));
    assert_eq!((list.load(Ordering::Relaxed), here(rows)), (2, vec!["ann/1 hello".to_owned(), "cyd/9 new".to_owned()]));
    assert!(rows.with_untracked(|rows| rows.0.values().next() == Some(&before)), "the same row");
    tell(rows, &diff(vec![], &[("cyd", "9"), ("nobody", "0")]));
    tell(rows, &News::Refused);
    assert!(here(rows).is_empty());
}
