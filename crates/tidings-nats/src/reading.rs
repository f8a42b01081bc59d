//! Reading a stream out, while others write to it.

use std::{collections::HashMap, fmt, time::Duration};

use async_nats::jetstream::{
    self, ErrorCode,
    consumer::pull::OrderedConfig,
    context::RequestErrorKind,
    stream::{Info, LastRawMessageErrorKind, Stream},
};
use futures_util::StreamExt as _;
use tidings::JournalError;
use tokio::time::{Instant, sleep, timeout};

/// For how long one answer of JetStream is waited for. Nobody answers while the servers choose who leads a stream, and
/// what is asked then is not answered later either: it has to be asked again.
pub(crate) const REQUEST_WAIT: Duration = Duration::from_secs(4);

/// For how long it is asked again. Three servers that were all killed took 13 s to choose; and one of which another has just
/// died may hand the reading to the dead one, and to another one the next time.
const SERVED_WAIT: Duration = Duration::from_secs(40);

/// After which it is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// For how long the next record is waited for.
const RECORD_WAIT: Duration = Duration::from_secs(10);

/// How often the end is looked for. Each look takes about a millisecond, and is the last one unless a record was replaced
/// within that.
const LOOKS_MAX: usize = 1_000;

/// Asks until there is somebody who answers.
pub(crate) async fn until_served<T, E: fmt::Display, F: Future<Output = Result<T, E>>>(
    ask: impl Fn() -> F,
    is_passing: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let until = Instant::now() + SERVED_WAIT;
    loop {
        match ask().await {
            Err(error) if is_passing(&error) && Instant::now() < until => {
                tracing::debug!(%error, "a stream is not served yet");
                sleep(AGAIN).await;
            }
            answer => return answer,
        }
    }
}

fn other(error: impl fmt::Display) -> JournalError {
    JournalError::Other(format!("it is not read: {error}"))
}

/// What is told of a stream now.
pub(crate) async fn look(stream: &Stream<Info>) -> Result<Info, JournalError> {
    let info = until_served(|| stream.get_info(), |error| error.kind() == RequestErrorKind::TimedOut);
    info.await.map_err(other)
}

/// The number of the last record under a subject; 0 for none. The subject must not be `>`: asked for that, nats-server
/// 2.9.10 finds nothing where the last record was purged.
async fn last(stream: &Stream<Info>, subject: &str) -> Result<u64, JournalError> {
    let last = until_served(
        || stream.get_last_raw_message_by_subject(subject),
        |error| match error.kind() {
            LastRawMessageErrorKind::Other => true,
            LastRawMessageErrorKind::JetStream(error) => error.error_code() == ErrorCode::CLUSTER_NOT_AVAILABLE,
            _ => false,
        },
    );
    match last.await {
        Ok(record) => Ok(record.sequence),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
        Err(error) => Err(other(error)),
    }
}

/// Reads what a stream holds under a subject: all that is there at one moment, and perhaps what came after it.
///
/// Of values the stream holds the last one alone, so that one may be replaced by a later record before it is read. So it
/// is read up to what was the last record, and then again up to what is the last one by now, until nothing was replaced on
/// the way. (The server also tells with each record how many are left. With nats-server 2.9.10 that stays above none for as
/// long as others write: a node then read what they wrote until they stopped.)
pub(crate) async fn read(
    stream: &Stream<Info>,
    subject: &str,
    mut each: impl FnMut(&jetstream::Message) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let mut end = last(stream, subject).await?;
    if end == 0 {
        return Ok(());
    }
    let config = || OrderedConfig { filter_subject: subject.to_owned(), ..OrderedConfig::default() };
    let consumer = until_served(|| stream.create_consumer(config()), |_| true).await.map_err(other)?;
    let mut records = consumer.messages().await.map_err(other)?;
    let mut at = 0;
    for _ in 0..LOOKS_MAX {
        let mut is_whole = true;
        while at < end {
            let Ok(next) = timeout(RECORD_WAIT, records.next()).await else {
                // What was the last record may have been purged.
                end = last(stream, subject).await?;
                if at < end {
                    return Err(other("the server has stopped in the middle"));
                }
                break;
            };
            let record = next.ok_or_else(|| other("the server has ended"))?.map_err(other)?;
            each(&record)?;
            let number = record.info().map_err(other)?.stream_sequence;
            is_whole &= number == at + 1;
            at = number;
        }
        if is_whole {
            return Ok(());
        }
        end = last(stream, subject).await?;
    }
    Err(other("records are replaced faster than they can be read"))
}

/// Of what was read of histories, what the stream held in the end: the last `most` records of each topic, or all where that
/// is no limit. Of a full topic whose oldest records go while it is read, the first may have been read, and those behind it
/// gone before they were: what lies before such a hole must not look as if it were next to what lies after it.
pub(crate) fn still_held<T>(read: Vec<(String, T)>, most: i64) -> Vec<T> {
    let most = u64::try_from(most).ok().filter(|most| *most > 0).unwrap_or(u64::MAX);
    let mut counts = HashMap::<String, u64>::new();
    let is_held = |(subject, record)| {
        let count = counts.entry(subject).or_default();
        *count += 1;
        (*count <= most).then_some(record)
    };
    let mut held: Vec<_> = read.into_iter().rev().filter_map(is_held).collect();
    held.reverse();
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_while_it_was_read_leaves_no_hole() {
        // Of `a`, which holds three, 2 and 3 went before they were read.
        let read = [("a", 1), ("b", 1), ("a", 4), ("b", 2), ("a", 5), ("a", 6)];
        let read = || read.map(|(subject, number)| (subject.to_owned(), (subject, number))).to_vec();
        assert_eq!(still_held(read(), 3), [("b", 1), ("a", 4), ("b", 2), ("a", 5), ("a", 6)]);
        assert_eq!(still_held(read(), -1).len(), 6, "a stream without a limit lets nothing go");
    }
}
