//! The journal: two streams of JetStream, one for what is replaced and one for what is a history.

use std::error::Error as _;

use async_nats::jetstream::{self, ErrorCode, context::PublishErrorKind, message::PublishMessage};
use bytes::Bytes;
use tidings::{
    BoxFuture, Journal, JournalError, Kept, Record, Shelf,
    wire::{OriginTag, TopicName},
};
use tokio::sync::OnceCell;

use crate::{
    JournalOptions, NatsOptions, reading,
    seen::SeenBy,
    streams::{Of, Streams},
};

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
    streams: OnceCell<Streams>,
}

impl JetStream {
    /// A journal at the servers of these options, which are otherwise a carrier's.
    #[must_use]
    pub fn new(options: NatsOptions, journal: JournalOptions) -> Self {
        Self { options, journal, streams: OnceCell::new() }
    }

    /// The streams; the connection is made at the first call.
    async fn open(&self) -> Result<&Streams, JournalError> {
        let streams = self.streams.get_or_try_init(|| Streams::open(&self.options, &self.journal)).await?;
        streams.answer().await?;
        Ok(streams)
    }

    async fn try_read(&self) -> Result<Option<Kept>, JournalError> {
        let streams = self.open().await?;
        let values = streams.stream(Of::Values).await?;
        let history = streams.stream(Of::History).await?;
        let last = [&values, &history].map(|stream| stream.cached_info().state.last_sequence);
        if *streams.read() == Some(last) {
            return Ok(None);
        }
        streams.saw(Of::Values, last[0]);
        streams.saw(Of::History, last[1]);
        let (mut kept, all) = (Kept::default(), streams.subjects.all());
        let (mut marks, mut history_read) = (Vec::new(), Vec::new());
        reading::read(&values, &all, |message| {
            let mark = message.headers.as_ref().and_then(|headers| headers.get(SEEN));
            marks.extend(mark.map(|mark| SeenBy::read(mark.as_str())));
            kept.records.push(message.payload.clone());
            Ok(())
        })
        .await?;
        reading::read(&history, &all, |message| {
            let info = message.info().map_err(|error| JournalError::Other(error.to_string()))?;
            history_read.push((message.subject.to_string(), (info.stream_sequence, message.payload.clone())));
            Ok(())
        })
        .await?;
        for (stream, read) in [(&values, kept.records.len()), (&history, history_read.len())] {
            let held = stream.cached_info().state.messages;
            if held > 0 && read == 0 {
                return Err(JournalError::Other(format!("{held} records were there, and none can be read")));
            }
        }
        // Asked for again: a mark may have seen more than there was when its stream was looked at.
        let now = reading::look(&history).await?;
        kept.history = reading::still_held(history_read, now.config.max_messages_per_subject);
        let (born, newest) = (now.created.unix_timestamp_nanos(), now.state.last_sequence);
        if let Some(mark) = marks.iter().find(|mark| mark.is_none_or(|mark| !mark.is_whole(born, newest))) {
            tracing::error!(?mark, born, newest, "the journal has lost records that the server had told to be kept");
            kept.is_torn = true;
        }
        let history_max = marks.iter().flatten().map(|mark| mark.history_max).chain(streams.history_max()).min();
        kept.history_max = history_max.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        *streams.read() = Some(last);
        Ok(Some(kept))
    }

    async fn try_append(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let streams = self.open().await?;
        let mut letters = Vec::with_capacity(records.len());
        let mut sizes = [0, 0];
        for Record { shelf, bytes } in records {
            let (of_history, subject) = streams.subjects.shelf(&shelf);
            let of = if of_history { Of::History } else { Of::Values };
            sizes[of as usize] += (bytes.len() + subject.len()) as u64 + RECORD_BYTES;
            letters.push((of, subject, shelf, bytes));
        }
        streams.has_room(Of::Values, sizes[0]).await?;
        streams.has_room(Of::History, sizes[1]).await?;
        let mut acks = Vec::with_capacity(letters.len());
        for (of, subject, shelf, bytes) in letters {
            let mut message = PublishMessage::build().payload(bytes);
            if let Shelf::History { origin, writer, stamp, .. } = &shelf {
                message = message.message_id(format!("{origin}-{writer}-{stamp}"));
            }
            if let Shelf::Mark { .. } = &shelf {
                message = message.header(SEEN, streams.mark());
            }
            let ack = streams.context.send_publish(subject, message).await;
            acks.push((of, ack.map_err(|error| JournalError::Other(error.to_string()))?));
        }
        let mut result = Ok(());
        // All of them, also after one that failed: what comes next must not overtake them.
        for (of, ack) in acks {
            let kept = match ack.await {
                Ok(ack) if ack.duplicate || streams.saw(of, ack.sequence) => Ok(()),
                Ok(_) => Err(JournalError::Gone("the server counts from further back than it did".to_owned())),
                Err(error) if error.kind() == PublishErrorKind::StreamNotFound => Err(streams.not_found(of).await),
                Err(error) => Err(failed(&error)),
            };
            result = result.and(kept);
        }
        result
    }

    async fn try_forget(&self, values: Vec<(OriginTag, TopicName)>) -> Result<(), JournalError> {
        let streams = self.open().await?;
        let stream = streams.stream(Of::Values).await?;
        for (origin, topic) in values {
            let purged = stream.purge().filter(streams.subjects.values(origin, &topic)).await;
            purged.map_err(|error| JournalError::Other(format!("a value cannot be purged: {error}")))?;
        }
        Ok(())
    }

    async fn try_marks(&self, origin: OriginTag) -> Result<Vec<Bytes>, JournalError> {
        let streams = self.open().await?;
        let values = streams.stream(Of::Values).await?;
        let mut marks = Vec::new();
        reading::read(&values, &streams.subjects.marks(origin), |message| {
            marks.push(message.payload.clone());
            Ok(())
        })
        .await?;
        Ok(marks)
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
