//! What the log says to an operator, and that a delivery says nothing.

mod support;

use std::{
    io,
    sync::{Arc, Mutex},
};

use support::{HandClock, Said, hub_on, number, said_of_topics};
use tidings::{
    Hub, Principal, PublishOptions, Start,
    testing::{self, Expect as _},
    wire::event::GapCause,
};

/// What was logged, a line an event.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Takes what was logged since the last call.
    fn take(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A hub without a runtime, so that everything happens on this thread, and what it logs from `trace` on.
fn logged(run: impl FnOnce(&Hub, &HandClock, &Lines)) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let clock = HandClock::default();
        run(&hub_on(&clock, |limits| limits.bytes_max = 20_000), &clock, &lines);
    });
}

#[test]
fn joins_gaps_and_refusals_are_told_at_debug() {
    logged(|hub, _, lines| {
        let mut reader = hub.reader().unwrap();
        let topics =
            vec![(support::pattern("short/a"), Start::Now), (support::pattern("short/b"), Start::After("?".into()))];
        reader.join(7, topics);
        assert_eq!(
            lines.take(),
            [
                r#"DEBUG a gap is told topic=short/b cause="cursor-malformed""#,
                "DEBUG a reader joins call=7 topics=2 refused_cursors=1 index=0",
            ]
        );
        support::publish(hub, "short/a", 0..9);
        assert!(lines.take().is_empty(), "a publish is nothing to tell");
        let told = said_of_topics(&testing::read(&mut reader));
        let gaps = told.iter().filter(|said| matches!(said, Said::Gap(..))).count();
        assert_eq!(gaps, 2, "{told:?}");
        assert!(told.contains(&Said::Gap("short/a".into(), GapCause::Slow)));
        assert_eq!(lines.take(), [r#"DEBUG a gap is told topic=short/a cause="slow""#]);
        hub.clear("short/a").unwrap_err();
        hub.write(&Principal::anonymous(), &support::name("value/a"), "1", PublishOptions::default()).unwrap_err();
        let lines = lines.take();
        assert_eq!(
            lines,
            [
                "DEBUG a publish was refused topic=short/a error=short/a is of kind events: only a State topic has a value to clear",
                "DEBUG a write was refused topic=value/a error=value/a cannot be written by you: it is not declared, or closed to you",
            ]
        );
    });
}

#[test]
fn a_spent_budget_is_told_once() {
    logged(|hub, _, lines| {
        support::publish(hub, "history/a", 0..1_000);
        let said = lines.take();
        assert_eq!(
            said,
            ["WARN the budget of bytes is spent: oldest messages go; see `Limits::bytes_max` max=20000 state=0"]
        );
    });
}

#[test]
fn a_topic_that_is_forgotten_is_told_at_trace() {
    logged(|hub, clock, lines| {
        support::publish(hub, "room", [1]);
        clock.advance(60);
        hub.forget_idle();
        assert_eq!(lines.take(), ["TRACE a topic is forgotten topic=room"]);
    });
}

#[test]
fn a_delivery_is_told_to_its_reader_and_to_nobody_else() {
    logged(|hub, _, lines| {
        let mut subscription = hub.subscribe("history/a").unwrap();
        lines.take();
        for value in 0..40 {
            hub.broadcast("history/a", number(value)).unwrap();
            assert_eq!(subscription.expect_value::<u64>(), value);
        }
        assert!(lines.take().is_empty());
    });
}
