//! The journal: two streams of JetStream, one for what is replaced and one for what is a history.

use std::{
    error::Error as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::{
    Client,
    jetstream::{
        self, Context, ErrorCode,
        consumer::pull::OrderedConfig,
        context::{ContextBuilder, GetStreamErrorKind, PublishErrorKind},
        message::PublishMessage,
        stream::{Config, DiscardPolicy, Info, Stream},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tidings::{
    BoxFuture, Journal, JournalError, Kept, Record, Shelf,
    wire::{OriginTag, TopicName},
};
use tokio::{sync::OnceCell, time::timeout};

use crate::{
    JournalOptions, NatsOptions, client,
    seen::{RESERVE_BYTES, Room, Seen, SeenBy},
    subjects::Subjects,
};

/// For how long a server is waited for before a node is told that there is none.
const SERVER_WAIT: Duration = Duration::from_secs(10);

/// For how long an answer of JetStream is waited for, and the next record of those that are read.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// For how long, and how often, a server is asked to read a stream out: a cluster of servers of which one has just died
/// may hand that to the dead one, and to another one the next time.
const CONSUMER_WAIT: Duration = Duration::from_secs(4);
const CONSUMER_TRIES: usize = 10;

/// Records that are on their way to the server at once: more than are written at once.
const RECORDS_ON_THEIR_WAY: usize = 1_024;

/// With less room than this above the reserve, each write is preceded by a look at the stream.
const NEAR_BYTES: u64 = 16 << 20;

/// The longest time between two looks.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// What a record takes besides its bytes and its subject.
const RECORD_BYTES: u64 = 64 + HEADERS_BYTES as u64;

/// What a record has besides what it says: its id, and of a mark what its writer had seen.
const HEADERS_BYTES: usize = 256;

/// On a mark: which stream of histories its writer knew, up to which record it was told that they are kept, and how many of
/// a topic.
const SEEN: &str = "Tidings-Seen";

/// A journal in JetStream, for a carrier of another make: [`Journaled`](tidings::Journaled) puts the two together. With
/// [`Nats`](crate::Nats) as the carrier, set [`NatsOptions::journal`].
///
/// Has a connection of its own, so that what is written does not stand before what has to be fast.
#[derive(Debug)]
pub struct JetStream {
    options: NatsOptions,
    journal: JournalOptions,
    open: OnceCell<Open>,
}

/// A journal that has reached a server once.
#[derive(Debug)]
struct Open {
    client: Client,
    context: Context,
    subjects: Subjects,
    seen: Mutex<Seen>,
    /// The last numbers of both when they were read last.
    read: Mutex<Option<[u64; 2]>>,
}

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Values = 0,
    History = 1,
}

impl JetStream {
    /// A journal at the servers of these options, which are otherwise a carrier's.
    #[must_use]
    pub fn new(options: NatsOptions, journal: JournalOptions) -> Self {
        Self { options, journal, open: OnceCell::new() }
    }

    /// The connection; made at the first call.
    async fn open(&self) -> Result<&Open, JournalError> {
        let open = self.open.get_or_try_init(|| async {
            let subjects = Subjects::new(&self.options.cluster).map_err(JournalError::Other)?;
            let (client, _) = client::connect(&self.options, "journal").await.map_err(JournalError::Other)?;
            let context = ContextBuilder::new()
                .timeout(ANSWER_WAIT)
                .ack_timeout(ANSWER_WAIT)
                .max_ack_inflight(RECORDS_ON_THEIR_WAY)
                .build(client.clone());
            Ok(Open { client, context, subjects, seen: Mutex::default(), read: Mutex::default() })
        });
        let open = open.await?;
        // It goes out once there is a connection.
        match timeout(SERVER_WAIT, open.client.flush()).await {
            Ok(Ok(())) => Ok(open),
            _ => Err(JournalError::Other(format!("no NATS server has answered within {SERVER_WAIT:?}"))),
        }
    }

    fn config(&self, subjects: &Subjects, of: Of) -> Config {
        let (bytes, per_subject) = match of {
            Of::Values => (self.journal.values_bytes_max, 1),
            Of::History => (self.journal.history_bytes_max, i64::from(self.journal.history_max)),
        };
        Config {
            name: subjects.stream(of == Of::History),
            subjects: subjects.of_stream(of == Of::History),
            max_bytes: i64::try_from(bytes.saturating_add(RESERVE_BYTES)).unwrap_or(i64::MAX),
            max_messages_per_subject: per_subject,
            // What is kept is worth more than what comes: its publisher has it, and says so.
            discard: DiscardPolicy::New,
            num_replicas: self.journal.replicas,
            description: Some(format!("what the cluster {} of Tidings keeps", subjects.cluster())),
            ..Config::default()
        }
    }

    /// A stream, made where there is none.
    async fn stream(&self, open: &Open, of: Of) -> Result<Stream<Info>, JournalError> {
        let wanted = self.config(&open.subjects, of);
        let made = open.context.get_or_create_stream(wanted.clone()).await.map_err(|error| {
            let fix = "is JetStream enabled at the server, and may this user use it?";
            JournalError::Other(format!("the stream {} cannot be had: {error}; {fix}", wanted.name))
        })?;
        let there = &made.cached_info().config;
        let differs = (there.max_bytes, there.max_messages_per_subject, there.num_replicas)
            != (wanted.max_bytes, wanted.max_messages_per_subject, wanted.num_replicas);
        if differs {
            let stream = &wanted.name;
            tracing::warn!(stream, "the stream is there with other limits, which hold: edit it, or change the options");
        }
        if there.max_age > Duration::ZERO || there.discard != DiscardPolicy::New {
            let reason = format!(
                "the stream {} lets go of what is old: take its age away, and let it discard new \
                messages",
                wanted.name
            );
            return Err(JournalError::Other(reason));
        }
        open.look(of, made.cached_info());
        Ok(made)
    }

    async fn try_read(&self) -> Result<Option<Kept>, JournalError> {
        let open = self.open().await?;
        let values = self.stream(open, Of::Values).await?;
        let history = self.stream(open, Of::History).await?;
        let last = [&values, &history].map(|stream| stream.cached_info().state.last_sequence);
        if *open.read.lock().unwrap_or_else(PoisonError::into_inner) == Some(last) {
            return Ok(None);
        }
        open.saw(Of::Values, last[0]);
        open.saw(Of::History, last[1]);
        let mut kept = Kept::default();
        let mut marks = Vec::new();
        read(&values, "", |message| {
            let mark = message.headers.as_ref().and_then(|headers| headers.get(SEEN));
            marks.extend(mark.map(|mark| SeenBy::read(mark.as_str())));
            kept.records.push(message.payload.clone());
            Ok(())
        })
        .await?;
        read(&history, "", |message| {
            let info = message.info().map_err(|error| JournalError::Other(error.to_string()))?;
            kept.history.push((info.stream_sequence, message.payload.clone()));
            Ok(())
        })
        .await?;
        // Asked for again: a mark may have seen more than there was when its stream was looked at.
        let now = history.get_info().await.map_err(|error| JournalError::Other(error.to_string()))?;
        let (born, newest) = (now.created.unix_timestamp_nanos(), now.state.last_sequence);
        if let Some(mark) = marks.iter().find(|mark| mark.is_none_or(|mark| !mark.is_whole(born, newest))) {
            tracing::error!(?mark, born, newest, "the journal has lost records that the server had told to be kept");
            kept.is_torn = true;
        }
        let history_max = marks.iter().flatten().map(|mark| mark.history_max).chain(open.seen().history_max).min();
        kept.history_max = history_max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        *open.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        Ok(Some(kept))
    }

    async fn try_append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let open = self.open().await?;
        let mut letters = Vec::with_capacity(records.len());
        let mut sizes = [0, 0];
        for Record { shelf, bytes } in records {
            let (of_history, subject) = open.subjects.shelf(&shelf);
            let of = if of_history { Of::History } else { Of::Values };
            sizes[of as usize] += (bytes.len() + subject.len()) as u64 + RECORD_BYTES;
            letters.push((of, subject, shelf, bytes));
        }
        open.has_room(Of::Values, sizes[0]).await?;
        open.has_room(Of::History, sizes[1]).await?;
        let mut acks = Vec::with_capacity(letters.len());
        for (of, subject, shelf, bytes) in letters {
            let mut message = PublishMessage::build().payload(bytes);
            if let Shelf::History { origin, writer, stamp, .. } = &shelf {
                message = message.message_id(format!("{origin}-{writer}-{stamp}"));
            }
            if let Shelf::Mark { .. } = &shelf {
                message = message.header(SEEN, open.mark());
            }
            let ack = open.context.send_publish(subject, message).await;
            acks.push((of, ack.map_err(|error| JournalError::Other(error.to_string()))?));
        }
        let mut result = Ok(());
        // All of them, also after one that failed: what comes next must not overtake them.
        for (of, ack) in acks {
            let kept = match ack.await {
                Ok(ack) if ack.duplicate || open.saw(of, ack.sequence) => Ok(()),
                Ok(_) => Err(JournalError::Gone("the server counts from further back than it did".to_owned())),
                Err(error) if error.kind() == PublishErrorKind::StreamNotFound => Err(self.not_found(open, of).await),
                Err(error) => Err(failed(&error)),
            };
            result = result.and(kept);
        }
        result
    }

    /// Nobody takes what is written to a stream: it is gone, or has nobody who serves it at the moment.
    async fn not_found(&self, open: &Open, of: Of) -> JournalError {
        let name = open.subjects.stream(of == Of::History);
        let is_gone = match open.context.get_stream(&name).await {
            Ok(_) => false,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
                _ => false,
            },
        };
        if !is_gone {
            return JournalError::Other(format!("nobody serves the stream {name}"));
        }
        if let Err(error) = self.stream(open, of).await {
            return error;
        }
        // It counts from the beginning.
        open.seen().numbers[of as usize] = 0;
        JournalError::Gone(format!("the stream {name} was deleted"))
    }

    async fn try_forget(&self, values: Vec<(OriginTag, TopicName)>) -> Result<(), JournalError> {
        let open = self.open().await?;
        let stream = self.stream(open, Of::Values).await?;
        for (origin, topic) in values {
            let purged = stream.purge().filter(open.subjects.values(origin, &topic)).await;
            purged.map_err(|error| JournalError::Other(format!("a value cannot be purged: {error}")))?;
        }
        Ok(())
    }

    async fn try_marks(&self, origin: OriginTag) -> Result<Vec<Bytes>, JournalError> {
        let open = self.open().await?;
        let values = self.stream(open, Of::Values).await?;
        let mut marks = Vec::new();
        read(&values, &open.subjects.marks(origin), |message| {
            marks.push(message.payload.clone());
            Ok(())
        })
        .await?;
        Ok(marks)
    }
}

impl Open {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a record's number; says whether it lies above all that were seen.
    fn saw(&self, of: Of, number: u64) -> bool {
        let highest = &mut self.seen().numbers[of as usize];
        let is_next = number > *highest;
        *highest = number.max(*highest);
        is_next
    }

    /// Takes so many bytes of a stream's room.
    async fn has_room(&self, of: Of, bytes: u64) -> Result<(), JournalError> {
        if bytes == 0 {
            return Ok(());
        }
        let known = self.seen().room[of as usize];
        let is_near = |room: Room| room.bytes < bytes.saturating_add(NEAR_BYTES) || room.looked.elapsed() > LOOK_EACH;
        let room = match known.filter(|room| !is_near(*room)) {
            Some(room) => room,
            None => {
                let name = self.subjects.stream(of == Of::History);
                match self.context.get_stream(&name).await {
                    Ok(stream) => self.look(of, stream.cached_info()),
                    // The write itself says what is the matter.
                    Err(_) => return Ok(()),
                }
            }
        };
        let left = room.bytes.checked_sub(bytes);
        self.seen().room[of as usize] = Some(Room { bytes: left.unwrap_or(room.bytes), ..room });
        let full = || format!("{bytes} bytes are to be written, and its limit is {} bytes away", room.bytes);
        left.map(|_| ()).ok_or_else(|| JournalError::Full(full()))
    }

    /// What a mark says of the histories.
    fn mark(&self) -> String {
        let seen = self.seen();
        let history_max = seen.history_max.unwrap_or(u64::MAX);
        SeenBy { born: seen.born, number: seen.numbers[Of::History as usize], history_max }.to_string()
    }

    /// Looks at what is told of a stream.
    fn look(&self, of: Of, info: &Info) -> Room {
        let room = Room::of(info);
        let mut seen = self.seen();
        seen.room[of as usize] = Some(room);
        if of == Of::History {
            seen.born = info.created.unix_timestamp_nanos();
            let most = u64::try_from(info.config.max_messages_per_subject).ok().filter(|most| *most > 0);
            seen.history_max = seen.history_max.into_iter().chain(most).min();
        }
        room
    }
}

/// Reads what a stream holds under a subject, or all of it.
async fn read(
    stream: &Stream<Info>,
    subject: &str,
    mut each: impl FnMut(&jetstream::Message) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let other = |error: &dyn std::fmt::Display| JournalError::Other(format!("it is not read: {error}"));
    let mut tries = 1..=CONSUMER_TRIES;
    let consumer = loop {
        let config = OrderedConfig { filter_subject: subject.to_owned(), ..OrderedConfig::default() };
        let made = timeout(CONSUMER_WAIT, stream.create_consumer(config)).await;
        let reason = match made {
            Ok(Ok(consumer)) => break consumer,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {CONSUMER_WAIT:?}"),
        };
        tracing::debug!(reason, "a stream cannot be read yet");
        if tries.next().is_none() {
            return Err(other(&reason));
        }
    };
    if consumer.cached_info().num_pending == 0 {
        return Ok(());
    }
    let mut messages = consumer.messages().await.map_err(|error| other(&error))?;
    loop {
        let next = timeout(ANSWER_WAIT, messages.next()).await;
        let next = next.map_err(|_| other(&"the server has stopped in the middle"))?;
        let message = next.ok_or_else(|| other(&"the server has ended"))?.map_err(|error| other(&error))?;
        each(&message)?;
        if message.info().map_err(|error| other(&error))?.pending == 0 {
            return Ok(());
        }
    }
}

/// Why a record was not kept.
fn failed(error: &jetstream::context::PublishError) -> JournalError {
    let full = [
        ErrorCode::STREAM_STORE_FAILED,
        ErrorCode::INSUFFICIENT_RESOURCES,
        ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    ];
    match error.source().and_then(|source| source.downcast_ref::<jetstream::Error>()) {
        Some(of_server) if full.contains(&of_server.error_code()) => JournalError::Full(of_server.to_string()),
        _ => JournalError::Other(error.to_string()),
    }
}

impl Journal for JetStream {
    fn read(&self) -> BoxFuture<'_, Result<Option<Kept>, JournalError>> {
        Box::pin(self.try_read())
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(self.try_append(records))
    }

    fn marks(&self, origin: OriginTag) -> BoxFuture<'_, Result<Vec<Bytes>, JournalError>> {
        Box::pin(self.try_marks(origin))
    }

    fn forget(&self, values: Vec<(OriginTag, TopicName)>) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(self.try_forget(values))
    }

    fn record_bytes_max(&self) -> BoxFuture<'_, Result<usize, JournalError>> {
        Box::pin(async { Ok(self.open().await?.client.max_payload().saturating_sub(HEADERS_BYTES)) })
    }
}
