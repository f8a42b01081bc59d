//! What is sent to one node: frames, cut into pieces that the server takes, and goodbyes.
//!
//! A letter begins with its kind and its sender. What comes from one sender comes in order, or not at all: so pieces of
//! one frame come one after the other, and a frame of which one is missing is given up.

use bytes::{BufMut as _, Bytes, BytesMut};
use tidings::{FRAME_BYTES_MAX, Me, wire::NodeName};

use crate::hello::Hello;

/// First byte of each letter: what is not ours, or of a build that says it otherwise, is told apart before it is read.
const VERSION: u8 = 1;

const PIECE: u8 = 0;
const HELLO: u8 = 1;
const GOODBYE: u8 = 2;

/// Bytes of a letter's head: version, kind, name with its length, epoch; of a piece also number, place and count.
const HEAD_BYTES_MAX: usize = 2 + 1 + 255 + 8 + 8 + 2 + 2;

/// Bytes of a piece, where the server takes more: a frame seldom has more, and little else waits behind it.
const PIECE_BYTES_MAX: usize = 512 * 1024;

/// Bytes of a piece where the server says nothing, or nonsense.
const PIECE_BYTES_MIN: usize = 1024;

/// What a letter says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Letter {
    Piece(Piece),
    /// Whoever gets it is new to the sender: so that it need not wait for the next sign of life.
    Hello(Hello),
    /// The sender stops. Behind its last frame, in order.
    Goodbye,
}

/// A piece of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Of the frame, among all of its sender.
    number: u64,
    /// Of this piece, from 0.
    place: u16,
    count: u16,
    bytes: Bytes,
}

/// Cuts a frame for a server that takes messages of this size.
pub(crate) fn cut(me: &Me, number: u64, frame: &Bytes, payload_max: usize) -> impl Iterator<Item = Bytes> {
    let size = payload_max.saturating_sub(HEAD_BYTES_MAX).clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
    let count = frame.len().div_ceil(size).max(1);
    // A frame has a few MB, and a piece at least one KiB.
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    (0..count).map(move |place| {
        let from = usize::from(place) * size;
        let bytes = &frame[from..frame.len().min(from + size)];
        let mut letter = head(me, PIECE, bytes.len());
        letter.put_u64(number);
        letter.put_u16(place);
        letter.put_u16(count);
        letter.put_slice(bytes);
        letter.freeze()
    })
}

pub(crate) fn hello(me: &Me, hello: &Hello) -> Bytes {
    let bytes = hello.encode();
    let mut letter = head(me, HELLO, bytes.len());
    letter.put_slice(&bytes);
    letter.freeze()
}

pub(crate) fn goodbye(me: &Me) -> Bytes {
    head(me, GOODBYE, 0).freeze()
}

fn head(me: &Me, kind: u8, room: usize) -> BytesMut {
    let name = me.node.as_str().as_bytes();
    let mut letter = BytesMut::with_capacity(HEAD_BYTES_MAX + room);
    letter.put_slice(&[VERSION, kind, u8::try_from(name.len()).expect("a name has at most 63 bytes")]);
    letter.put_slice(name);
    letter.put_u64(me.epoch);
    letter
}

impl Letter {
    /// Reads a letter; what is none is an error for the log.
    pub(crate) fn read(bytes: &Bytes) -> Result<(Me, Self), &'static str> {
        let [VERSION, kind, length, rest @ ..] = &bytes[..] else { return Err("it is no letter of this build") };
        let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or("it ends within its sender's name")?;
        let name = std::str::from_utf8(name).map_err(|_| "its sender's name is no text")?;
        let node = NodeName::new(name).map_err(|_| "its sender's name is none")?;
        let (epoch, rest) = rest.split_first_chunk().ok_or("it ends within its head")?;
        let from = Me { node, epoch: u64::from_be_bytes(*epoch) };
        let letter = match *kind {
            PIECE => {
                let (number, rest) = rest.split_first_chunk().ok_or("it ends within its head")?;
                let (place, rest) = rest.split_first_chunk().ok_or("it ends within its head")?;
                let (count, rest) = rest.split_first_chunk().ok_or("it ends within its head")?;
                let (place, count) = (u16::from_be_bytes(*place), u16::from_be_bytes(*count));
                Self::Piece(Piece { number: u64::from_be_bytes(*number), place, count, bytes: bytes.slice_ref(rest) })
            }
            HELLO => Self::Hello(Hello::decode(rest).map_err(|_| "its hello is none")?),
            GOODBYE => Self::Goodbye,
            _ => return Err("its kind is not known: run one build of the library on all nodes"),
        };
        Ok((from, letter))
    }
}

/// The frame of one sender that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    number: u64,
    /// The place of the next piece; 0 where none is there.
    next: u16,
    count: u16,
    bytes: BytesMut,
}

impl Desk {
    /// Takes a piece; gives back the frame that it completes. A piece that does not go on with what is there gives that
    /// up: the frame is lost, and the hub repairs it.
    pub(crate) fn take(&mut self, piece: Piece) -> Option<Bytes> {
        let Piece { number, place, count, bytes } = piece;
        let goes_on = (number, place, count) == (self.number, self.next, self.count);
        if place > 0 && !(self.next > 0 && goes_on) || place >= count {
            *self = Self::default();
            return None;
        }
        if place == 0 {
            // Most frames have one piece: it is passed on without a copy.
            *self = Self { number, count, ..Self::default() };
            if count == 1 {
                return Some(bytes);
            }
        }
        if self.bytes.len() + bytes.len() > FRAME_BYTES_MAX {
            *self = Self::default();
            return None;
        }
        self.bytes.extend_from_slice(&bytes);
        self.next = place + 1;
        (self.next == count).then(|| std::mem::take(self).bytes.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Me {
        Me { node: "alpha".parse().unwrap(), epoch: 7 }
    }

    fn pieces(number: u64, frame: &Bytes) -> Vec<Piece> {
        let read = |letter| match Letter::read(&letter) {
            Ok((from, Letter::Piece(piece))) if from == me() => piece,
            other => panic!("{other:?}"),
        };
        cut(&me(), number, frame, 2_000).map(read).collect()
    }

    fn frame(bytes: usize) -> Bytes {
        (0..bytes).map(|byte| byte as u8).collect::<Vec<_>>().into()
    }

    #[test]
    fn a_frame_is_put_together_again() {
        let mut desk = Desk::default();
        for (number, bytes) in [0, 1, 1_700, 5_000, FRAME_BYTES_MAX].into_iter().enumerate() {
            let pieces = pieces(number as u64, &frame(bytes));
            assert_eq!(pieces.len() > 1, bytes > 2_000, "{bytes}");
            let whole: Vec<_> = pieces.into_iter().filter_map(|piece| desk.take(piece)).collect();
            assert_eq!(whole, [frame(bytes)]);
        }
    }

    #[test]
    fn a_lost_piece_is_a_lost_frame_and_no_other() {
        for lost in 0..3 {
            let mut desk = Desk::default();
            let first = pieces(1, &frame(5_000)).into_iter().enumerate().filter(|(place, _)| *place != lost);
            let told: Vec<_> = first.filter_map(|(_, piece)| desk.take(piece)).collect();
            assert!(told.is_empty(), "without piece {lost}");
            let second: Vec<_> = pieces(2, &frame(4_000)).into_iter().filter_map(|piece| desk.take(piece)).collect();
            assert_eq!(second, [frame(4_000)], "after a frame without piece {lost}");
        }
    }

    #[test]
    fn pieces_of_two_frames_are_not_mixed() {
        let mut desk = Desk::default();
        let (mut one, mut two) = (pieces(1, &frame(5_000)), pieces(2, &frame(5_000)));
        assert_eq!(desk.take(one.remove(0)), None);
        assert_eq!(desk.take(two.remove(1)), None);
        assert_eq!(desk.take(one.remove(1)), None);
    }

    #[test]
    fn more_than_a_frame_can_have_is_not_kept() {
        let mut desk = Desk::default();
        let piece = |place| Piece { number: 1, place, count: 9, bytes: frame(PIECE_BYTES_MAX) };
        let told: Vec<_> = (0..9).filter_map(|place| desk.take(piece(place))).collect();
        assert!(told.is_empty());
        assert!(desk.bytes.capacity() <= 2 * FRAME_BYTES_MAX, "{}", desk.bytes.capacity());
    }

    #[test]
    fn letters_and_back() {
        let says = Hello { node: me().node, epoch: 7, lease_ms: 5_000 };
        assert_eq!(Letter::read(&hello(&me(), &says)), Ok((me(), Letter::Hello(says))));
        assert_eq!(Letter::read(&goodbye(&me())), Ok((me(), Letter::Goodbye)));
        let whole = goodbye(&me());
        for end in 0..whole.len() {
            assert!(Letter::read(&whole.slice(..end)).is_err(), "cut at {end}");
        }
        let mut other = whole.to_vec();
        other[1] = 9;
        assert!(Letter::read(&other.into()).is_err(), "a kind of a later build");
    }
}
