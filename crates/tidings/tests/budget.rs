//! The budget of bytes over all rings: what goes, what never goes, and who is told.

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use support::{Said, hub_with, joined, messages, name, number, publish, read_up_to_here, said_of_topics};
use tidings::{
    Hub, Payload, PublishError, Start,
    wire::{TopicKind, event::GapCause},
};

/// What a message of a lone node counts beside its payload: 320 bytes and a cursor of one origin.
const MESSAGE_BYTES: usize = 320 + 24;

/// A JSON text of so many bytes that begins with a number.
fn padded(value: u64, bytes: usize) -> Payload {
    let number = value.to_string();
    Payload::from_json(&(" ".repeat(bytes.saturating_sub(number.len())) + &number)).unwrap()
}

#[tokio::test]
async fn the_sum_of_all_rings_stays_within_the_budget() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = 10 * (MESSAGE_BYTES + 1));
    let (mut reader, _) = joined(&hub, &["history/a", "history/b"], &Start::Now).await;
    publish(&hub, "history/a", 0..6);
    publish(&hub, "history/b", 0..4);
    assert_eq!(hub.info().events.evicted, 0, "ten messages fit");
    publish(&hub, "history/b", 4..5);
    let info = hub.info();
    assert_eq!((info.held_bytes, info.bytes_max, info.events.evicted), (info.bytes_max, info.bytes_max, 1));
    assert_eq!(
        said_of_topics(&read_up_to_here(&mut reader).await),
        [vec![Said::Gap("history/a".into(), GapCause::Slow)], messages("history/a", 1..6), messages("history/b", 0..5)]
            .concat(),
        "the longer history lets go, and its reader is told"
    );
}

#[tokio::test]
async fn a_flood_costs_its_own_topics_and_not_the_quiet_ones() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = 400 * MESSAGE_BYTES);
    for quiet in 0..20 {
        publish(&hub, &format!("history/quiet{quiet}"), 0..5);
    }
    for value in 0..10_000 {
        publish(&hub, &format!("history/flood{}", value % 3), [value]);
    }
    for quiet in 0..20 {
        assert_eq!(hub.snapshot(&name(&format!("history/quiet{quiet}")), 100).entries.len(), 5);
    }
    let held: Vec<_> =
        (0..3).map(|at| hub.snapshot(&name(&format!("history/flood{at}")), 9999).entries.len()).collect();
    assert!(held.iter().all(|held| (50..=128).contains(held)), "alike, to a factor of two: {held:?}");
}

#[tokio::test]
async fn signal_is_not_starved_where_histories_fill_the_budget() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = 1000 * MESSAGE_BYTES);
    publish(&hub, "history/a", 0..2_000);
    let (mut reader, _) = joined(&hub, &["beep/a"], &Start::Now).await;
    for value in 0..60 {
        publish(&hub, "beep/a", [value]);
        publish(&hub, "history/a", [value]);
    }
    assert_eq!(said_of_topics(&read_up_to_here(&mut reader).await), messages("beep/a", 0..60));
    assert_eq!(hub.info().signal.evicted, 0);
}

#[tokio::test]
async fn signal_goes_first_beyond_its_share() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = 160 * MESSAGE_BYTES);
    publish(&hub, "history/a", 0..50);
    for topic in 0..10 {
        publish(&hub, &format!("beep/{topic}"), 0..20);
    }
    let info = hub.info();
    assert_eq!(info.events.evicted, 0, "{info:?}");
    assert!(info.signal.evicted > 80, "{info:?}");
}

#[tokio::test]
async fn state_that_fills_the_budget_is_refused_by_name_and_can_shrink() {
    let (hub, _) = hub_with(|limits| limits.bytes_max = 4 * (MESSAGE_BYTES + 100));
    publish(&hub, "history/a", 0..3);
    for topic in 0..4 {
        hub.broadcast(&format!("value/{topic}"), padded(topic, 100)).unwrap();
    }
    let info = hub.info();
    assert_eq!((info.held_bytes, info.state.held, info.events.held), (info.bytes_max, 4, 0));
    let refused = hub.broadcast("value/4", number(4)).unwrap_err();
    assert!(
        matches!(refused, PublishError::NoRoom { bytes: 345, state: 1776, max: 1776 }),
        "{refused:?} names what is needed, taken and allowed"
    );
    assert!(refused.to_string().contains("`bytes_max`"), "{refused}");
    assert_eq!(hub.info().index, 7, "nothing was stamped");
    assert!(!hub.topics().iter().any(|info| info.topic == name("value/4")), "and no topic made");
    assert!(matches!(hub.broadcast("value/0", padded(9, 101)), Err(PublishError::NoRoom { .. })));
    assert!(matches!(hub.broadcast("history/a", number(9)), Err(PublishError::NoRoom { .. })));
    assert!(matches!(hub.broadcast("beep/a", number(9)), Err(PublishError::NoRoom { .. })));
    // As large as before, smaller, or none at all: that always may.
    hub.broadcast("value/0", padded(9, 100)).unwrap();
    hub.broadcast("value/1", padded(9, 50)).unwrap();
    hub.clear("value/2").unwrap();
    hub.clear("value/3").unwrap();
    assert!(matches!(hub.broadcast("value/4", padded(1, 600)), Err(PublishError::NoRoom { .. })));
    assert!(hub.info().held_bytes <= hub.info().bytes_max);
}

#[derive(Debug, Clone)]
enum Step {
    Publish(usize, usize),
    Clear(usize),
    /// A client is cut here, and comes back at the end.
    Cut,
    Read,
    Age(u64),
}

const TOPICS: [&str; 9] =
    ["value/a", "value/b", "value/c", "history/a", "history/b", "short/a", "beep/a", "beep/b", "undeclared"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..TOPICS.len(), prop_oneof![1..40_usize, 1..2_000_usize]).prop_map(|(at, bytes)| Step::Publish(at, bytes)),
        1 => (0..3_usize).prop_map(Step::Clear),
        1 => Just(Step::Cut),
        1 => Just(Step::Read),
        1 => (1..4_u64).prop_map(Step::Age),
    ]
}

/// What was published on each topic, beside the log's place.
#[derive(Default)]
struct Model {
    values: BTreeMap<&'static str, (u64, usize)>,
    messages: BTreeMap<&'static str, Vec<(u64, u64)>>,
    cuts: Vec<(u64, Box<str>)>,
}

impl Model {
    /// Whether a reader that was at a place of the log was told everything on a topic after it, or a gap, and no gap
    /// without a loss.
    fn check(&self, after: u64, told: &[Said], who: &str) -> Result<(), TestCaseError> {
        for (topic, published) in &self.messages {
            let owed: Vec<u64> =
                published.iter().filter(|(index, _)| *index > after).map(|(_, value)| *value).collect();
            let got: Vec<u64> = told
                .iter()
                .filter_map(|said| match said {
                    Said::Message(on, value) if on == topic => Some(*value),
                    _ => None,
                })
                .collect();
            prop_assert!(owed.ends_with(&got), "{}: {} got {:?} of {:?}", who, topic, got, owed);
            let gaps = told.iter().filter(|said| matches!(said, Said::Gap(on, _) if on == topic)).count();
            prop_assert_eq!(
                gaps,
                usize::from(got.len() < owed.len()),
                "{}: {} got {:?} of {:?}",
                who,
                topic,
                got,
                owed
            );
        }
        Ok(())
    }
}

/// Sum of what the rings hold, counted anew from each topic.
fn recounted(hub: &Hub) -> usize {
    hub.topics().iter().map(|info| info.held * MESSAGE_BYTES + info.held_bytes).sum()
}

async fn run(steps: Vec<Step>, bytes_max: usize) -> Result<(), TestCaseError> {
    let (hub, clock) = hub_with(|limits| limits.bytes_max = bytes_max);
    let mut model = Model::default();
    let (mut slow, _) = joined(&hub, &TOPICS, &Start::Now).await;
    let mut read_at = 0;
    for (value, step) in (1..).zip(steps) {
        match step {
            Step::Publish(at, bytes) => {
                let (topic, payload) = (TOPICS[at], padded(value, bytes));
                let (bytes, is_state) = (MESSAGE_BYTES + payload.len(), at < 3);
                let state: usize = model.values.values().map(|(_, bytes)| bytes).sum();
                let replaced = if is_state { model.values.get(topic).map_or(0, |(_, bytes)| *bytes) } else { 0 };
                let before = hub.info().index;
                let fits = bytes <= replaced || state - replaced + bytes <= bytes_max;
                match hub.broadcast(topic, payload) {
                    Ok(_) if is_state => drop(model.values.insert(topic, (value, bytes))),
                    Ok(published) => {
                        model.messages.entry(topic).or_default().push((published.index, value));
                        let held = hub.topics().into_iter().find(|info| info.topic.as_str() == topic);
                        prop_assert!(held.is_some_and(|info| info.held > 0), "a message does not go before it is read");
                    }
                    Err(PublishError::NoRoom { .. }) => prop_assert!(!fits, "refused for nothing"),
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
                prop_assert_eq!(hub.info().index - before, u64::from(fits), "what is refused is not stamped");
            }
            Step::Clear(at) => match hub.clear(TOPICS[at]) {
                Ok(_) => drop(model.values.insert(TOPICS[at], (0, MESSAGE_BYTES))),
                Err(error) => prop_assert!(!model.values.contains_key(TOPICS[at]), "{error}"),
            },
            Step::Cut => model.cuts.push((hub.info().index, hub.cursor())),
            Step::Read => {
                let told = said_of_topics(&read_up_to_here(&mut slow).await);
                model.check(read_at, &told, "the slow reader")?;
                read_at = hub.info().index;
            }
            Step::Age(seconds) => clock.advance(seconds),
        }
        let info = hub.info();
        prop_assert!(info.held_bytes <= bytes_max, "{} of {}", info.held_bytes, bytes_max);
        prop_assert_eq!(info.held_bytes, recounted(&hub));
        prop_assert_eq!(info.state.evicted, 0);
        for (topic, (value, _)) in &model.values {
            let held = hub.snapshot(&name(topic), 1).entries.pop().and_then(|entry| support::value(&entry));
            prop_assert_eq!(held.unwrap_or(0), *value, "{} is never let go of", topic);
        }
    }
    for (index, cursor) in &model.cuts {
        let (_, told) = joined(&hub, &TOPICS, &Start::After(cursor.clone())).await;
        model.check(*index, &said_of_topics(&told), "who was cut")?;
    }
    let told = said_of_topics(&read_up_to_here(&mut slow).await);
    model.check(read_at, &told, "the slow reader")
}

proptest! {
    #[test]
    fn whatever_is_published_the_budget_holds_and_what_goes_is_told(
        steps in prop::collection::vec(step(), 1..200),
        bytes_max in 2_000..40_000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps, bytes_max))?;
    }
}

#[tokio::test]
async fn what_a_hub_holds_is_told_by_kind() {
    let (hub, _) = hub_with(|_| {});
    publish(&hub, "value/a", 0..3);
    publish(&hub, "history/a", 0..3);
    publish(&hub, "beep/a", 0..3);
    let info = hub.info();
    for (kind, of_kind) in info.kinds() {
        let held = if kind == TopicKind::State { 1 } else { 3 };
        assert_eq!((of_kind.held, of_kind.held_bytes), (held, held * (MESSAGE_BYTES + 1)), "{kind}");
    }
    assert_eq!(info.held_bytes, info.total().held_bytes);
}
