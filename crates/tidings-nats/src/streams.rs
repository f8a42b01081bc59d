//! The two streams of a journal at the servers, and what was seen of them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_nats::{
    Client,
    jetstream::{
        Context, ErrorCode,
        context::{ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind},
        stream::{Config, DiscardPolicy, Info, Stream},
    },
};
use tidings::JournalError;
use tokio::time::timeout;

use crate::{
    JournalOptions, NatsOptions, client,
    reading::{REQUEST_WAIT, until_served},
    seen::{RESERVE_BYTES, Room, Seen, SeenBy},
    subjects::Subjects,
};

/// For how long a server is waited for before a node is told that there is none.
const SERVER_WAIT: Duration = Duration::from_secs(10);

/// For how long it is waited until a record is kept.
const KEPT_WAIT: Duration = Duration::from_secs(10);

/// Records that are on their way to the server at once: more than are written at once.
const RECORDS_ON_THEIR_WAY: usize = 1_024;

/// With less room than this above the reserve, each write is preceded by a look at the stream.
const NEAR_BYTES: u64 = 16 << 20;

/// The longest time between two looks.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Values = 0,
    History = 1,
}

/// Both, at servers that have been reached once.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) client: Client,
    pub(crate) context: Context,
    pub(crate) subjects: Subjects,
    options: JournalOptions,
    seen: Mutex<Seen>,
    /// The last numbers of both when they were read last.
    read: Mutex<Option<[u64; 2]>>,
}

impl Streams {
    /// Connects; a server that is not there yet is called until it is.
    pub(crate) async fn open(at: &NatsOptions, options: &JournalOptions) -> Result<Self, JournalError> {
        let subjects = Subjects::new(&at.cluster).map_err(JournalError::Other)?;
        let (client, _) = client::connect(at, "journal").await.map_err(JournalError::Other)?;
        let context = ContextBuilder::new()
            .timeout(REQUEST_WAIT)
            .ack_timeout(KEPT_WAIT)
            .max_ack_inflight(RECORDS_ON_THEIR_WAY)
            .build(client.clone());
        let (options, seen, read) = (options.clone(), Mutex::default(), Mutex::default());
        Ok(Self { client, context, subjects, options, seen, read })
    }

    /// Whether a server answers.
    pub(crate) async fn answer(&self) -> Result<(), JournalError> {
        // It goes out once there is a connection.
        match timeout(SERVER_WAIT, self.client.flush()).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(JournalError::Other(format!("no NATS server has answered within {SERVER_WAIT:?}"))),
        }
    }

    fn config(&self, of: Of) -> Config {
        let (bytes, per_subject) = match of {
            Of::Values => (self.options.values_bytes_max, 1),
            Of::History => (self.options.history_bytes_max, i64::from(self.options.history_max)),
        };
        Config {
            name: self.subjects.stream(of == Of::History),
            subjects: self.subjects.of_stream(of == Of::History),
            max_bytes: i64::try_from(bytes.saturating_add(RESERVE_BYTES)).unwrap_or(i64::MAX),
            max_messages_per_subject: per_subject,
            // What is kept is worth more than what comes: its publisher has it, and says so.
            discard: DiscardPolicy::New,
            num_replicas: self.options.replicas,
            description: Some(format!("what the cluster {} of Tidings keeps", self.subjects.cluster())),
            ..Config::default()
        }
    }

    /// A stream, made where there is none.
    pub(crate) async fn stream(&self, of: Of) -> Result<Stream<Info>, JournalError> {
        let wanted = self.config(of);
        // Servers that have just begun, or lost one of them, choose who leads a stream: until then nobody answers.
        let made = until_served(
            || self.context.get_or_create_stream(wanted.clone()),
            |error| match error.kind() {
                CreateStreamErrorKind::TimedOut => true,
                CreateStreamErrorKind::JetStream(error) => {
                    [ErrorCode::CLUSTER_NOT_AVAILABLE, ErrorCode::CLUSTER_NO_PEERS].contains(&error.error_code())
                }
                _ => false,
            },
        );
        let made = made.await.map_err(|error| {
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
        self.look(of, made.cached_info());
        Ok(made)
    }

    /// Nobody takes what is written to a stream: it is gone, or has nobody who serves it at the moment.
    pub(crate) async fn not_found(&self, of: Of) -> JournalError {
        let name = self.subjects.stream(of == Of::History);
        let is_gone = match self.context.get_stream(&name).await {
            Ok(_) => false,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(error) => error.error_code() == ErrorCode::STREAM_NOT_FOUND,
                _ => false,
            },
        };
        if !is_gone {
            return JournalError::Other(format!("nobody serves the stream {name}"));
        }
        if let Err(error) = self.stream(of).await {
            return error;
        }
        // It counts from the beginning.
        self.seen().numbers[of as usize] = 0;
        JournalError::Gone(format!("the stream {name} was deleted"))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The least that the histories were seen to hold of a topic.
    pub(crate) fn history_max(&self) -> Option<u64> {
        self.seen().history_max
    }

    /// The last numbers of both when they were read last.
    pub(crate) fn read(&self) -> MutexGuard<'_, Option<[u64; 2]>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a record's number; says whether it lies above all that were seen.
    pub(crate) fn saw(&self, of: Of, number: u64) -> bool {
        let highest = &mut self.seen().numbers[of as usize];
        let is_next = number > *highest;
        *highest = number.max(*highest);
        is_next
    }

    /// Takes so many bytes of a stream's room.
    pub(crate) async fn has_room(&self, of: Of, bytes: u64) -> Result<(), JournalError> {
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
    pub(crate) fn mark(&self) -> String {
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
