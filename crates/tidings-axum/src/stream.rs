//! A stream's body: a reader, written as server-sent events.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use tidings::{
    Delivery, Principal, Reader, Start,
    wire::{
        Pattern, TopicName,
        event::{self, Bye, Complete, Gap, Joined, Joining, Refused, RefusedReason, name},
        live::{Change, Hold},
        sse,
    },
};

use crate::{
    live::{Live, Outside},
    presence::Attendance,
    rights::Rights,
};

/// A stream writes about this much at once: what is waiting goes out in one write, and a long history in pieces.
const FRAME_BYTES: usize = 64 * 1024;

/// The `call` of a join that only asks for the cursor of a caught-up reader. Pages count from 1.
const CURSOR_CALL: u64 = 0;

/// The body of one open stream.
#[derive(Debug)]
pub(crate) struct StreamBody {
    pub(crate) live: Live,
    key: usize,
    pub(crate) outside: Arc<Outside>,
    who: Principal,
    /// On a live stream, the page's id; a plain one has none, and is told less.
    pub(crate) page: Option<String>,
    pub(crate) reader: Reader,
    pub(crate) rights: Rights,
    /// Boxed, for many a page asks nothing of presence.
    pub(crate) attendance: Option<Box<Attendance>>,
    /// Newest call that named a topic or pattern: an older one that arrives late changes nothing.
    calls: HashMap<Pattern, u64>,
    /// Results of calls, until the reader has caught up with them.
    results: HashMap<u64, Joined>,
    batch: Vec<Delivery>,
    /// Written and not sent.
    text: String,
    pub(crate) ended: bool,
}

impl StreamBody {
    /// A stream that begins with this text. `None` while the node is draining.
    pub(crate) fn new(live: Live, who: Principal, page: Option<String>, reader: Reader, text: String) -> Option<Self> {
        let (key, outside) = live.enter(reader.waker(), page.as_deref(), who.clone())?;
        let (rights, attendance, calls, results, batch) = Default::default();
        let ended = false;
        Some(Self { live, key, outside, who, page, reader, rights, attendance, calls, results, batch, text, ended })
    }

    /// Adds and releases topics, as a page asks.
    pub(crate) fn change(&mut self, change: Change) {
        let Change { call, hold, release, presence, .. } = change;
        if self.page.is_some() {
            self.event(name::JOINING, None, &Joining { call });
        }
        for topic in release {
            // Remembered also where nothing was held: the call that held it may still be on its way.
            if self.is_newest(&topic, call) {
                self.reader.leave(&topic);
                self.rights.forget(&topic);
            }
        }
        let (mut joined, mut live, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for hold in hold {
            if !self.is_newest(&hold.topic, call) {
                continue;
            }
            // What a pattern may become is asked topic by topic.
            if hold.topic.as_topic().is_none_or(|topic| self.may_read(&topic)) {
                self.rights.forget(&hold.topic);
                live.push(hold.topic.clone());
                joined.push((hold.topic.clone(), start(hold)));
            } else {
                refused.push(Refused { topic: hold.topic.clone(), reason: RefusedReason::Forbidden });
                self.rights.refuse(hold, self.live.hub().limits().reader_topics_max);
            }
        }
        for (topic, error) in self.reader.join(call, joined) {
            tracing::warn!(%topic, %error, "a topic was refused");
            live.retain(|name| *name != topic);
            refused.push(Refused { topic, reason: RefusedReason::Limit });
        }
        let absent = self.change_presence(call, presence);
        self.results.insert(call, Joined { call, live, refused, absent });
        self.forget_released_calls();
    }

    pub(crate) fn who(&self) -> &Principal {
        &self.who
    }

    pub(crate) fn may_read(&self, topic: &TopicName) -> bool {
        self.live.may_read(&self.who, topic)
    }

    fn is_newest(&mut self, topic: &Pattern, call: u64) -> bool {
        let newest = self.calls.entry(topic.clone()).or_default();
        let is_newest = *newest < call;
        *newest = call.max(*newest);
        is_newest
    }

    /// Calls overtake each other by a few, not by thousands: what is remembered of released topics has a bound.
    fn forget_released_calls(&mut self) {
        if self.calls.len() > 2 * self.live.hub().limits().reader_topics_max {
            let held: std::collections::HashSet<_> = self.reader.holds().collect();
            self.calls.retain(|topic, _| held.contains(topic));
        }
    }

    /// Acts on what the stream was told from outside; says whether there was anything.
    fn hear(&mut self) -> bool {
        let Some(inbox) = self.outside.take() else { return false };
        for change in inbox.changes {
            self.change(change);
        }
        if inbox.presence {
            self.tell_presences();
        }
        if inbox.beat {
            // Answered once everything before it is handed out: its cursor then covers nothing unread.
            self.reader.join(CURSOR_CALL, Vec::new());
        }
        if inbox.rights {
            self.ask_again();
        }
        if let Some(retry_ms) = inbox.bye {
            self.event(name::BYE, None, &Bye { retry_ms });
            sse_retry(&mut self.text, retry_ms);
        }
        self.ended = inbox.bye.is_some() || inbox.replaced;
        true
    }

    fn write(&mut self, delivery: Delivery) {
        match delivery {
            // The one frame that all streams share.
            Delivery::Message(entry) => match std::str::from_utf8(entry.frame()) {
                Ok(frame) => self.text.push_str(frame),
                Err(error) => tracing::error!(topic = %entry.topic, %error, "a frame is not text"),
            },
            Delivery::Snapshot { topic, entry } => {
                let value = entry.and_then(|entry| {
                    let data = serde_json::from_str(entry.payload.as_ref()?.as_str()).ok()?;
                    Some(event::SnapshotValue { version: entry.version, data })
                });
                self.event(name::SNAPSHOT, None, &event::Snapshot { topic, value });
            }
            Delivery::Gap { topic, cause } => self.event(name::GAP, None, &Gap { topic, cause }),
            Delivery::Complete { pattern } => self.event(name::COMPLETE, None, &Complete { pattern }),
            Delivery::Rewound => sse::write(&mut self.text, name::REWOUND, None, "{}"),
            Delivery::Joined { call, cursor } if self.rights_joined(call, &cursor) => {}
            Delivery::Joined { call: CURSOR_CALL, cursor } => {
                sse::write(&mut self.text, name::BEAT, Some(&cursor), "{}");
            }
            Delivery::Joined { call, cursor } => match (self.results.remove(&call), &self.page) {
                (Some(joined), Some(_)) => self.event(name::JOINED, Some(&cursor), &joined),
                // A plain stream has no calls; its reader's cursor moves to where it began.
                _ => sse::write_id(&mut self.text, &cursor),
            },
            other => tracing::error!(?other, "a delivery that this build cannot write"),
        }
    }

    pub(crate) fn event<T: serde::Serialize>(&mut self, name: &str, id: Option<&str>, data: &T) {
        match serde_json::to_string(data) {
            Ok(data) => sse::write(&mut self.text, name, id, &data),
            Err(error) => tracing::error!(name, %error, "an event that has no JSON form"),
        }
    }
}

/// Where a page's topic begins.
pub(crate) fn start(hold: Hold) -> Start {
    match (hold.after, hold.last) {
        (Some(cursor), _) => Start::After(cursor.into()),
        (None, Some(last)) => Start::Retained { last: last as usize },
        (None, None) => Start::RETAINED,
    }
}

/// What an EventSource takes as its delay.
fn sse_retry(text: &mut String, retry_ms: u32) {
    use std::fmt::Write as _;
    let _ = write!(text, "retry: {retry_ms}\n\n");
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        loop {
            if !this.ended {
                this.hear();
            }
            let pending = loop {
                if this.ended || this.text.len() >= FRAME_BYTES {
                    break false;
                }
                if this.reader.poll_read(context, &mut this.batch).is_pending() {
                    break true;
                }
                for delivery in std::mem::take(&mut this.batch) {
                    this.write(delivery);
                }
            };
            if !this.text.is_empty() {
                let text = std::mem::take(&mut this.text);
                return Poll::Ready(Some(Ok(Frame::data(text.into()))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            // Told after `hear` and before the reader knew whom to wake: nobody would call again.
            if pending && !this.hear() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.live.leave(self.key, self.page.as_deref());
    }
}
