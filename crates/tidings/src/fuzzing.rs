//! What the fuzz targets of this crate check, of any bytes. `fuzz/` runs these functions on inputs that it makes up;
//! the tests below run them on the inputs that it kept.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use tidings_wire::{Events, NodeName, State, topics};

use crate::{
    Clock, Delivery, Hub, Payload, Start,
    cluster::{Cluster, Envelope, Event, seal},
    shard::Round,
};

topics! {
    VALUE(name: String): State<u64> = "v/{name}";
    HISTORY(name: String): Events<u64> = "h/{name}" keep 2;
}

/// A frame without its checksum, with it: no fuzzer would find one.
fn sealed(input: &[u8]) -> Vec<u8> {
    let (head, body) = input.split_at(input.len().min(2));
    let mut bytes = [head, &[0; 4], body].concat();
    seal(&mut bytes);
    bytes
}

/// A frame is an error, or the same after it was written and read again.
pub fn frame(input: &[u8]) {
    let Ok(envelope) = Envelope::decode(&sealed(input)) else { return };
    let bytes = envelope.encode().expect("what was read is written");
    assert!(bytes.len() <= sealed(input).len(), "there is no shorter writing");
    assert_eq!(Envelope::decode(&bytes).as_ref(), Ok(&envelope));
}

/// Frames, each behind its length in two bytes, come to a node of a cluster. Whatever they say, the node goes on: it
/// publishes, its reader hears of it, and nothing is told out of order or twice.
pub fn peer(input: &[u8]) {
    let clock = HandClock::default();
    let builder = Hub::builder("alpha").expect("a valid name").clock(clock.clone());
    let hub = builder.limits(|limits| limits.resend_messages_max = 4).assemble(1, 1, false);
    hub.serve(VALUE);
    hub.serve(HISTORY);
    hub.shared.log().cluster = Some(Cluster::new(hub.limits(), 0));
    for node in ["beta", "gamma"] {
        hub.shared.handle(Event::Up(NodeName::new(node).expect("a valid name")));
    }
    let mut reader = hub.reader().expect("within the limit");
    let topics = ["v/a", "h/a", "s"].map(|name| (name.parse().expect("a valid name"), Start::RETAINED));
    reader.join(1, topics.into());
    let (mut round, mut told) = (Round::default(), Vec::new());
    let mut read = |told: &mut Vec<Delivery>| {
        round.run(&hub.shared, 0);
        while reader.poll_read(&mut Context::from_waker(Waker::noop()), told).is_ready() {}
    };
    let mut rest = input;
    while let [high, low, bytes @ ..] = rest {
        let (frame, after) = bytes.split_at(bytes.len().min(usize::from(*high) << 8 | usize::from(*low)));
        if let Ok(envelope) = Envelope::decode(&sealed(frame)) {
            hub.shared.handle(Event::Received(envelope));
        }
        clock.0.fetch_add(60, Ordering::Relaxed);
        hub.shared.handle(Event::Tick);
        read(&mut told);
        rest = after;
    }
    // A join waits a second for peers that do not answer, and then goes on.
    clock.0.fetch_add(1_100, Ordering::Relaxed);
    hub.shared.handle(Event::Tick);
    read(&mut told);
    let payload = Payload::of(&7).expect("a number");
    let last = hub.broadcast("h/a", payload).expect("within all limits").index;
    read(&mut told);
    let indexes: Vec<_> = told
        .iter()
        .filter_map(|delivery| match delivery {
            Delivery::Message(entry) => Some(entry.index),
            _ => None,
        })
        .collect();
    assert!(indexes.is_sorted_by(|a, b| a < b), "in the log's order: {indexes:?}");
    assert_eq!(indexes.last(), Some(&last), "the node goes on");
}

/// A clock that is moved by hand.
#[derive(Debug, Clone, Default)]
struct HandClock(Arc<AtomicU64>);

impl Clock for HandClock {
    fn wall_ms(&self) -> u64 {
        1_800_000_000_000 + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::{fs, path::Path};

    /// Runs a check on every input that fuzzing kept.
    fn replay(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
        let files = fs::read_dir(&corpus).expect("the corpus is in the repository");
        let mut count = 0;
        for file in files {
            check(&fs::read(file.expect("a file").path()).expect("it can be read"));
            count += 1;
        }
        assert!(count > 0, "{} holds nothing", corpus.display());
    }

    #[test]
    fn the_corpus_of_frames_holds() {
        replay("frame", super::frame);
    }

    #[test]
    fn the_corpus_of_peers_holds() {
        replay("peer", super::peer);
    }
}
