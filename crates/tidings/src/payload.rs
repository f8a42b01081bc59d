//! Payloads: JSON text that the hub carries and never decodes.

use std::{fmt, sync::Arc};

use serde::{
    Deserializer, Serialize, Serializer,
    de::{IgnoredAny, Visitor},
};

use crate::error::PayloadError;

/// One message's payload: valid JSON on a single line, shared by all its readers.
///
/// ```
/// use tidings::Payload;
/// let payload = Payload::from_json("{\"text\":\n\"hello\"}")?;
/// assert_eq!(payload.as_str(), r#"{"text": "hello"}"#);
/// assert!(Payload::from_json("{oops}").is_err());
/// # Ok::<(), tidings::PayloadError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<str>);

impl Payload {
    /// Encodes a value.
    ///
    /// # Errors
    /// When the value has no JSON form: a map whose keys are not text, for example.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        // serde_json escapes control characters, so the text has one line.
        Ok(Self(serde_json::to_string(value)?.into()))
    }

    /// Takes JSON text as it is. A line break can only stand between its tokens; it becomes a space, so that a
    /// frame has one line of data.
    ///
    /// # Errors
    /// When the text is not one JSON value.
    pub fn from_json(text: &str) -> Result<Self, PayloadError> {
        serde_json::from_str::<IgnoredAny>(text)?;
        if text.contains(['\r', '\n']) {
            Ok(Self(text.replace(['\r', '\n'], " ").into()))
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Takes text that another node has taken as JSON already.
    pub(crate) fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// Reads such text where it stands in a frame: it is copied once.
    pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a payload")
            }

            fn visit_str<E>(self, text: &str) -> Result<Payload, E> {
                Ok(Payload::trusted(text))
            }
        }
        struct Maybe;
        impl<'de> Visitor<'de> for Maybe {
            type Value = Option<Payload>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a payload or none")
            }

            fn visit_none<E>(self) -> Result<Option<Payload>, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Payload>, D::Error> {
                deserializer.deserialize_str(Text).map(Some)
            }
        }
        deserializer.deserialize_option(Maybe)
    }

    /// The other way.
    pub(crate) fn write<S: Serializer>(payload: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        payload.as_ref().map(Self::as_str).serialize(serializer)
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When it has another shape than `T`.
    pub fn decode<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }

    /// Bytes of its text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never: JSON has at least one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_one_line_and_the_same_value() {
        let text = "{\r\n \"a\": \"x\\ny\",\n\"b\": [1,\r2]}";
        let payload = Payload::from_json(text).unwrap();
        assert!(!payload.as_str().contains(['\r', '\n']));
        let value: serde_json::Value = payload.decode().unwrap();
        assert_eq!(value, serde_json::json!({"a": "x\ny", "b": [1, 2]}));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "1 2", "{oops}", "\"\n\""] {
            assert!(Payload::from_json(text).is_err(), "{text:?}");
        }
    }
}
