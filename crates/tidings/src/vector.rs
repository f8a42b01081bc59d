//! The applied vector of a node, kept together with its text.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tidings_wire::{Cursor, OriginTag};

/// Base64 digits of a cursor's head and of one entry; both stand for a multiple of three bytes.
const HEAD_DIGITS: usize = 8;
const ENTRY_DIGITS: usize = 16;

/// Origin → highest stamp applied, with the cursor's text beside it.
///
/// Each publish moves one stamp, and its message carries the whole vector as text: patching 16
/// digits in place makes that a copy instead of an encoding of every origin.
#[derive(Debug)]
pub(crate) struct Vector {
    cursor: Cursor,
    /// ASCII. Bytes and not a `String`, in which digits cannot be replaced where they stand.
    text: Vec<u8>,
}

impl Vector {
    /// Of a node that has applied nothing: its own origin is listed all the same, so that its cursors are known as
    /// its own after a restart.
    pub(crate) fn new(me: OriginTag) -> Self {
        let mut cursor = Cursor::default();
        cursor.set(me, 0);
        let text = cursor.to_string().into_bytes();
        Self { cursor, text }
    }

    /// What has been applied, as a cursor.
    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The same as text, issued at this second.
    pub(crate) fn text(&mut self, now_s: u64) -> Box<str> {
        if self.cursor.issued_s() != now_s {
            let mut head = Cursor::issued_at(now_s);
            self.text[..HEAD_DIGITS].copy_from_slice(head.to_string().as_bytes());
            for (origin, stamp) in self.cursor.iter() {
                head.set(origin, stamp);
            }
            self.cursor = head;
        }
        String::from_utf8(self.text.clone()).unwrap_or_else(|_| self.cursor.to_string()).into()
    }

    /// Bytes of its text: more only when a new origin is listed.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Takes an origin off the list.
    pub(crate) fn forget(&mut self, origin: OriginTag) {
        self.cursor.forget(origin);
        self.text = self.cursor.to_string().into_bytes();
    }

    /// Moves an origin's stamp.
    pub(crate) fn set(&mut self, origin: OriginTag, stamp: u64) {
        let place = self.cursor.iter().position(|(tag, _)| tag == origin);
        self.cursor.set(origin, stamp);
        let patched = place.is_some_and(|place| {
            let mut entry = [0; 12];
            entry[..6].copy_from_slice(&origin.to_bytes());
            entry[6..].copy_from_slice(&self.cursor.get(origin).to_be_bytes()[2..]);
            let at = HEAD_DIGITS + ENTRY_DIGITS * place;
            URL_SAFE_NO_PAD.encode_slice(entry, &mut self.text[at..at + ENTRY_DIGITS]).is_ok()
        });
        if !patched {
            self.text = self.cursor.to_string().into_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_is_the_cursors(steps in prop::collection::vec((0..6_u64, 1..1_u64 << 48, 0..1_u64 << 40), 1..40)) {
            let mut vector = Vector::new(OriginTag::from_low_bits(0));
            for (origin, stamp, now_s) in steps {
                vector.set(OriginTag::from_low_bits(origin), stamp);
                let text = vector.text(now_s);
                prop_assert_eq!(text.as_ref(), &vector.cursor().to_string());
                prop_assert_eq!(vector.cursor().issued_s(), now_s);
            }
        }
    }
}
