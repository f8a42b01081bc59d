//! Server-sent events as bytes: written by the server, read by a page's `fetch`.
//!
//! Follows the WHATWG HTML standard, section 9.2 "Server-sent events" (parsing: 9.2.5, interpreting: 9.2.6).

use std::fmt::Write as _;

/// Most bytes of one event that [`Decoder`] holds: a message of 1 MiB whose every byte was escaped
/// would still fit. Beyond it the event is dropped and [`Decoder::overflowed`] says so.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Writes one event. Line breaks in the data become further `data:` lines; in name and id they are not allowed.
///
/// ```
/// let mut text = String::new();
/// tidings_wire::sse::write(&mut text, "gap", Some("AQ"), "{}");
/// assert_eq!(text, "event: gap\nid: AQ\ndata: {}\n\n");
/// ```
pub fn write(out: &mut String, name: &str, id: Option<&str>, data: &str) {
    debug_assert!(!name.contains(['\r', '\n']) && !id.is_some_and(|id| id.contains(['\r', '\n', '\0'])));
    if !name.is_empty() {
        let _ = writeln!(out, "event: {name}");
    }
    if let Some(id) = id {
        let _ = writeln!(out, "id: {id}");
    }
    let mut rest = data;
    loop {
        let (line, after) = match rest.find(['\r', '\n']) {
            Some(at) if rest[at..].starts_with("\r\n") => (&rest[..at], Some(&rest[at + 2..])),
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let _ = writeln!(out, "data: {line}");
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    out.push('\n');
}

/// Writes `id:` alone: moves the reader's cursor and is no event.
pub fn write_id(out: &mut String, id: &str) {
    let _ = write!(out, "id: {id}\n\n");
}

/// One event as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// Empty for the default, `message`.
    pub name: String,
    /// The data lines, joined with line feeds.
    pub data: String,
    /// The last `id:` seen so far, on this event or before.
    pub id: String,
    /// Whether this event carried it. The chunk that completes an event may begin behind its `id:` line, so
    /// [`Decoder::last_id`] before and after a read does not tell.
    pub has_id: bool,
}

/// Reads a stream of bytes, cut anywhere, as events.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The line that is being read.
    line: Vec<u8>,
    name: String,
    data: String,
    /// Whether a `data` field came: an empty one is not none.
    has_data: bool,
    /// What the `id` fields gave so far; it is the stream's last id once an empty line has ended their event.
    id: String,
    last_id: String,
    /// An `id` field came with the event that is being read.
    has_id: bool,
    /// A carriage return ended the last line: a line feed right after it belongs to it.
    after_return: bool,
    /// Past the first line, where a byte order mark may stand.
    started: bool,
    overflowed: bool,
    /// The event that is being read was too large.
    cut: bool,
    retry_ms: Option<u64>,
}

impl Decoder {
    /// Reads some bytes and hands over the events that they complete.
    pub fn read(&mut self, bytes: &[u8], mut on_event: impl FnMut(RawEvent)) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.hold(rest);
                return;
            };
            self.hold(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(&mut on_event);
        }
    }

    /// The last event id that the stream gave, also one that stood alone. That of an event which was cut off is none.
    #[must_use]
    pub fn last_id(&self) -> &str {
        &self.last_id
    }

    /// The reconnection time that the stream asked for, in milliseconds.
    #[must_use]
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Whether an event was dropped because it passed [`EVENT_BYTES_MAX`]: the stream can no longer be trusted.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.line.len() + self.data.len() + bytes.len() > EVENT_BYTES_MAX {
            (self.overflowed, self.cut) = (true, true);
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, on_event: &mut impl FnMut(RawEvent)) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.started, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.end_event(on_event);
        } else {
            let text = String::from_utf8_lossy(&line);
            let (field, value) = text.split_once(':').unwrap_or((&text, ""));
            self.field(field, value.strip_prefix(' ').unwrap_or(value));
        }
        // The line's memory serves the next one.
        line.clear();
        self.line = line;
    }

    fn field(&mut self, field: &str, value: &str) {
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.id);
                self.has_id = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) => {
                self.retry_ms = value.parse().ok();
            }
            // A comment has an empty field name; anything else is for a later standard.
            _ => {}
        }
    }

    fn end_event(&mut self, on_event: &mut impl FnMut(RawEvent)) {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let has_id = std::mem::take(&mut self.has_id);
        self.last_id.clone_from(&self.id);
        // Without a data field there is no event; with an empty one there is, for each field adds a line feed to the
        // standard's data buffer, of which the last is removed after it was looked at.
        if std::mem::take(&mut self.has_data) && !std::mem::take(&mut self.cut) {
            on_event(RawEvent { name, data, id: self.id.clone(), has_id });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]]) -> (Vec<RawEvent>, Decoder) {
        let (mut decoder, mut events) = (Decoder::default(), Vec::new());
        for chunk in chunks {
            decoder.read(chunk, |event| events.push(event));
        }
        (events, decoder)
    }

    fn event(name: &str, id: &str, data: &str) -> RawEvent {
        RawEvent { name: name.into(), id: id.into(), data: data.into(), has_id: false }
    }

    fn with_id(event: RawEvent) -> RawEvent {
        RawEvent { has_id: true, ..event }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_wherever_it_is_cut(
            events in prop::collection::vec(("[a-z]{0,6}", prop::option::of("[A-Za-z0-9_-]{1,8}"), "(\r|\n|:| |[a-zé\u{2028}{}\"]){1,20}"), 1..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut text = String::new();
            let (mut wanted, mut last_id) = (Vec::new(), String::new());
            for (name, id, data) in &events {
                write(&mut text, name, id.as_deref(), data);
                if let Some(id) = id { last_id.clone_from(id); }
                let data = data.replace("\r\n", "\n").replace('\r', "\n");
                wanted.push(RawEvent { has_id: id.is_some(), ..event(name, &last_id, &data) });
            }
            let bytes = text.as_bytes();
            let mut ends = cuts.iter().map(|cut| cut.index(bytes.len())).chain([0, bytes.len()]).collect::<Vec<_>>();
            ends.sort_unstable();
            let chunks = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect::<Vec<_>>();
            prop_assert_eq!(decode(&chunks).0, wanted);
        }
    }

    #[test]
    fn the_standards_examples() {
        let (events, _) = decode(&[b"data: YHOO\ndata: +2\ndata: 10\n\n"]);
        assert_eq!(events, [event("", "", "YHOO\n+2\n10")]);
        let (events, _) =
            decode(&[b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"]);
        assert_eq!(
            events,
            [
                with_id(event("", "1", "first event")),
                with_id(event("", "", "second event")),
                event("", "", " third event")
            ]
        );
        let (events, _) = decode(&[b"data\n\ndata\ndata\n\ndata:"]);
        assert_eq!(events, [event("", "", ""), event("", "", "\n")], "the last one is not complete");
    }

    #[test]
    fn an_id_counts_when_its_event_is_complete() {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        decoder.read(b"id: 1\ndata: a\n\nid: 2\n", |event| events.push(event));
        assert_eq!(decoder.last_id(), "1", "who is cut off here has not got the second");
        decoder.read(b"data: b\n\ndata: c\n\n", |event| events.push(event));
        assert_eq!(events, [with_id(event("", "1", "a")), with_id(event("", "2", "b")), event("", "2", "c")]);
        assert_eq!(decoder.last_id(), "2");
    }

    #[test]
    fn line_ends_and_marks() {
        let (events, _) = decode(&[b"\xEF\xBB\xBFdata: a\r", b"\n\r\ndata: b\r\rdata: c\n\n"]);
        assert_eq!(events, [event("", "", "a"), event("", "", "b"), event("", "", "c")]);
        let (events, decoder) = decode(&[b"id: 7\n\nid: x\0\n\nretry: 1500\n\nretry: no\n\n"]);
        assert_eq!(events, []);
        assert_eq!((decoder.last_id(), decoder.retry_ms()), ("7", Some(1500)));
    }
}
