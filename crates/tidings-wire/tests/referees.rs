//! What we write is read the same by decoders that we did not write: here by the crate `eventsource-stream`; the kept
//! session is read by Chromium's EventSource and the npm package `eventsource-parser` too, in
//! `end2end/tests/referees.spec.ts`.
//!
//! `TIDINGS_WRITE_SESSION=1 cargo test -p tidings-wire --test referees` writes the kept session anew.

use std::{env, fs, path::PathBuf};

use eventsource_stream::Eventsource as _;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::Serialize;
use tidings_wire::sse::{self, Decoder};

/// What the kept session begins with.
const SEED: u64 = 1;

/// An event as every decoder has to see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    name: String,
    id: String,
    data: String,
}

/// Sebastiano Vigna's `splitmix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

/// Pieces of data that decoders stumble over.
const PIECES: [&str; 18] = [
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\r\r\n",
    ":",
    " ",
    "  ",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\u{FEFF}",
    "data: ",
    "id: 7",
    "é漢🌊",
    "{\"a\":\"b\"}",
    "x",
    "event: gap",
];

/// A session of so many events: its bytes, and what they mean.
fn session(seed: u64, events: usize) -> (String, Vec<Told>) {
    let mut random = Random(seed);
    let (mut text, mut told, mut id) = (String::new(), Vec::new(), String::new());
    for nth in 0..events {
        let name = random.one_of(&["", "gap", "snapshot", "joined"]);
        let own_id = (random.below(3) != 0).then(|| format!("A{nth}-_"));
        let data: String = (0..random.below(9)).map(|_| random.one_of(&PIECES)).collect();
        sse::write(&mut text, name, own_id.as_deref(), &data);
        if random.below(5) == 0 {
            text.push_str(random.one_of(&[": a comment\n\n", "retry: 1500\n\n", "later: a field\n\n"]));
        }
        id = own_id.unwrap_or(id);
        let data = data.replace("\r\n", "\n").replace('\r', "\n");
        told.push(Told { name: name.to_owned(), id: id.clone(), data });
    }
    (text, told)
}

/// Bytes in chunks of chance.
fn chunks(random: &mut Random, bytes: &[u8], most: usize) -> Vec<Vec<u8>> {
    let (mut chunks, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((1 + random.below(most)).min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks
}

fn by_the_crate(chunks: &[Vec<u8>]) -> Vec<Told> {
    let bytes = stream::iter(chunks.iter().cloned().map(Ok::<_, std::convert::Infallible>));
    let told = bytes.eventsource().map(|event| {
        let event = event.expect("the bytes are text");
        // The crate gives the default name in words.
        let name = if event.event == "message" { String::new() } else { event.event };
        Told { name, id: event.id, data: event.data }
    });
    told.collect().now_or_never().expect("all bytes are there")
}

fn by_us(chunks: &[Vec<u8>]) -> Vec<Told> {
    let (mut decoder, mut told) = (Decoder::default(), Vec::new());
    for chunk in chunks {
        decoder.read(chunk, |event| told.push(Told { name: event.name, id: event.id, data: event.data }));
    }
    told
}

#[test]
fn sessions_mean_the_same_to_everyone_however_they_are_cut() {
    for seed in 0..200 {
        let (text, told) = session(seed, 40);
        let mut random = Random(seed);
        for most in [1, 7, 4096] {
            let chunks = chunks(&mut random, text.as_bytes(), most);
            assert_eq!(by_us(&chunks), told, "seed {seed}, chunks of up to {most}");
            assert_eq!(by_the_crate(&chunks), told, "seed {seed}, chunks of up to {most}");
        }
    }
}

#[test]
fn a_megabyte_is_one_event() {
    let data = "é:\r\n".repeat(250_000);
    let (mut text, mut random) = (String::new(), Random(SEED));
    sse::write(&mut text, "", Some("A"), &data);
    let told = [Told { name: String::new(), id: "A".into(), data: data.replace("\r\n", "\n") }];
    let chunks = chunks(&mut random, text.as_bytes(), 64 * 1024);
    assert_eq!(by_us(&chunks), told);
    assert_eq!(by_the_crate(&chunks), told);
}

/// What the browser tests read is what we write today.
#[test]
fn the_kept_session_is_of_this_encoder() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../end2end/tests/session");
    let (text, told) = session(SEED, 300);
    let told = serde_json::to_string_pretty(&told).unwrap() + "\n";
    if env::var_os("TIDINGS_WRITE_SESSION").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("session.sse"), &text).unwrap();
        fs::write(folder.join("session.json"), &told).unwrap();
    }
    assert_eq!(fs::read_to_string(folder.join("session.sse")).unwrap(), text);
    assert_eq!(fs::read_to_string(folder.join("session.json")).unwrap(), told);
}
