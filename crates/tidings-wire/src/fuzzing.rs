//! What the fuzz targets of this crate check, of any bytes. `fuzz/` runs these functions on inputs that it makes up;
//! the tests below run them on the inputs that it kept.
//!
//! None of them only waits for a panic: each compares with the rule said slowly, or goes there and back.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Cursor, NAME_BYTES_MAX, NAME_SEGMENTS_MAX, NameError, Pattern, TopicName, decode_param, encode_param,
    event::Event,
    live::{Change, Open},
    sse::{self, RawEvent},
};

/// Text becomes a name or an error that names the segment and the rule; any text becomes a segment.
pub fn name(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    let segment = encode_param(text);
    assert_eq!(decode_param(&segment).as_deref(), Some(text), "a parameter comes back");
    assert_eq!(TopicName::new(&segment).is_ok(), segment.len() <= NAME_BYTES_MAX, "a parameter is one segment");
    let is_name = within_limits(text) && text.split('/').all(is_segment);
    match TopicName::new(text) {
        Ok(name) => {
            assert!(is_name, "{text:?} is no name");
            assert_eq!(name.as_str(), text);
            let pattern = Pattern::new(text).expect("a name is the pattern of itself");
            assert!(pattern.is_plain() && pattern.matches(&name) && pattern.as_topic() == Some(name));
        }
        Err(error) => {
            assert!(!is_name, "{text:?} is a name: {error}");
            names_a_segment_of(text, &error);
        }
    }
}

/// Two lines: a pattern, and a name that it matches or not.
pub fn pattern(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (wanted, given) = text.split_once('\n').unwrap_or((&text, "a/b"));
    let segments: Vec<_> = wanted.split('/').collect();
    let is_wildcard = |at: usize| segments[at] == "*" || (segments[at] == "**" && at + 1 == segments.len());
    let is_pattern = within_limits(wanted) && (0..segments.len()).all(|at| is_wildcard(at) || is_segment(segments[at]));
    let pattern = Pattern::new(wanted);
    assert_eq!(pattern.is_ok(), is_pattern, "{wanted:?}: {pattern:?}");
    match (pattern, TopicName::new(given)) {
        (Ok(pattern), Ok(name)) => {
            let slowly = matches_slowly(&segments, &given.split('/').collect::<Vec<_>>());
            assert_eq!(pattern.matches(&name), slowly, "{pattern} and {name}");
        }
        (Err(error), _) => names_a_segment_of(wanted, &error),
        _ => {}
    }
}

/// A cursor has one text, and what is read is written the same.
pub fn cursor(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(cursor) = text.parse::<Cursor>() else { return };
    assert_eq!(cursor.to_string(), text);
    assert!(cursor.dominates(&cursor) && cursor.earliest(&cursor) == cursor);
    for (origin, stamp) in cursor.iter() {
        assert!(cursor.lists(origin) && cursor.covers(origin, stamp) && !cursor.covers(origin, stamp + 1));
    }
}

/// The first byte says how large the chunks are. However a stream is cut, it holds the same events, and those that the
/// standard's words make of it.
pub fn sse(input: &[u8]) {
    let Some((size, bytes)) = input.split_first() else { return };
    let mut decoder = sse::Decoder::default();
    let (mut events, mut again) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(usize::from(*size).max(1)) {
        decoder.read(chunk, |event| events.push(event));
    }
    let (slowly, last_id) = read_slowly(bytes);
    assert_eq!(events, slowly);
    assert_eq!(decoder.last_id(), last_id);
    let mut text = String::new();
    for event in &events {
        sse::write(&mut text, &event.name, Some(&event.id), &event.data);
    }
    sse::Decoder::default().read(text.as_bytes(), |event| again.push(event));
    // It was written with each event.
    events.iter_mut().for_each(|event| event.has_id = true);
    assert_eq!(again, events, "what was read is written and read again");
}

/// A page's requests: what is understood is written the same as it was understood.
pub fn live(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    settles::<Open>(&text);
    settles::<Change>(&text);
}

/// A stream's event: its name, a line feed, its data.
pub fn event(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (name, data) = text.split_once('\n').unwrap_or((&text, "{}"));
    match Event::read(name, data) {
        Ok(Event::Hello(hello)) => settles_as(&hello),
        Ok(Event::Message(message)) => settles_as(&message),
        Ok(Event::Snapshot(snapshot)) => settles_as(&snapshot),
        Ok(Event::Complete(complete)) => settles_as(&complete),
        Ok(Event::Deleted(deleted)) => settles_as(&deleted),
        Ok(Event::Gap(gap)) => settles_as(&gap),
        Ok(Event::Joining(joining)) => settles_as(&joining),
        Ok(Event::Joined(joined)) => settles_as(&joined),
        Ok(Event::Present(list)) => settles_as(&list),
        Ok(Event::Presence(diff)) => settles_as(&diff),
        Ok(Event::Bye(bye)) => settles_as(&bye),
        Ok(Event::Rewound | Event::Beat | Event::Unknown) | Err(_) => {}
    }
}

/// The rule of [`Pattern::matches`] said slowly: recursion over two slices, with no early exit to get wrong.
pub(crate) fn matches_slowly(pattern: &[&str], topic: &[&str]) -> bool {
    match (pattern, topic) {
        ([], []) => true,
        (["**"], topic) => !topic.is_empty(),
        (["*", pattern @ ..], [_, topic @ ..]) => matches_slowly(pattern, topic),
        ([wanted, pattern @ ..], [given, topic @ ..]) => wanted == given && matches_slowly(pattern, topic),
        _ => false,
    }
}

fn within_limits(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.split('/').count() <= NAME_SEGMENTS_MAX
}

/// The rule of a segment said slowly: it is what escaping some bytes gives.
fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let escaped = rest.get(1..3).filter(|_| first == '~').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(escaped.or_else(|| u8::try_from(first).ok().filter(|byte| plain(*byte))));
        rest = rest.get(if escaped.is_some() { 3 } else { first.len_utf8() }..).unwrap_or("");
    }
    let escape = |byte: &u8| if plain(*byte) { char::from(*byte).to_string() } else { format!("~{byte:02X}") };
    let spelled = match &bytes[..] {
        b"" => "~".to_owned(),
        b"." => "~2E".to_owned(),
        b".." => "~2E~2E".to_owned(),
        bytes => bytes.iter().map(escape).collect(),
    };
    spelled == text
}

fn names_a_segment_of(text: &str, error: &NameError) {
    let segment = match error {
        NameError::EmptySegment { segment }
        | NameError::Forbidden { segment, .. }
        | NameError::Escape { segment }
        | NameError::Dots { segment }
        | NameError::Wildcard { segment }
        | NameError::MisplacedWildcard { segment } => *segment,
        NameError::Empty | NameError::TooLong { .. } | NameError::TooDeep { .. } => return,
    };
    let found = text.split('/').nth(segment - 1).expect("a segment that is there");
    assert!(!is_segment(found), "{error}, which is {found:?}");
    assert!(error.to_string().contains(&format!("segment {segment} ")), "{error}");
}

fn settles<T: Serialize + DeserializeOwned>(text: &str) {
    if let Ok(value) = serde_json::from_str::<T>(text) {
        settles_as(&value);
    }
}

fn settles_as<T: Serialize + DeserializeOwned>(value: &T) {
    let text = serde_json::to_string(value).expect("what was understood is written");
    let again: T = serde_json::from_str(&text).expect("what was written is understood");
    assert_eq!(serde_json::to_string(&again).expect("and again"), text);
}

/// Section 9.2.6 of the HTML standard, on the whole stream at once.
fn read_slowly(bytes: &[u8]) -> (Vec<RawEvent>, String) {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let (mut events, mut name, mut data, mut id) = (Vec::new(), String::new(), String::new(), String::new());
    let (mut has_id, mut last_id) = (false, String::new());
    // What follows the last line end is not complete.
    let lines = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    for line in lines.split('\n') {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            _ if line.is_empty() => {
                let (name, data) = (std::mem::take(&mut name), std::mem::take(&mut data));
                let has_id = std::mem::take(&mut has_id);
                last_id.clone_from(&id);
                if let Some(data) = data.strip_suffix('\n') {
                    events.push(RawEvent { name, data: data.to_owned(), id: id.clone(), has_id });
                }
            }
            "event" => value.clone_into(&mut name),
            "data" => data.extend([value, "\n"]),
            "id" if !value.contains('\0') => {
                value.clone_into(&mut id);
                has_id = true;
            }
            _ => {}
        }
    }
    (events, last_id)
}

#[cfg(test)]
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

    macro_rules! corpora {
        ($($test:ident: $target:ident;)+) => {$(
            #[test]
            fn $test() {
                replay(stringify!($target), super::$target);
            }
        )+};
    }

    corpora! {
        the_corpus_of_names_holds: name;
        the_corpus_of_patterns_holds: pattern;
        the_corpus_of_cursors_holds: cursor;
        the_corpus_of_streams_holds: sse;
        the_corpus_of_requests_holds: live;
        the_corpus_of_events_holds: event;
    }
}
