//! The subjects of a cluster: `tidings.{cluster}.{what}.{…}`.

use tidings::{Me, wire::NodeName};

/// The names of one cluster's subjects.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    prefix: String,
    cluster: String,
}

impl Subjects {
    /// # Errors
    /// When the cluster's name cannot be a part of a subject, or of a stream's name.
    pub(crate) fn new(cluster: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if cluster.is_empty() || !cluster.bytes().all(is_plain) {
            return Err(format!("`{cluster}` is no name for a cluster: use letters, digits, `_` and `-`"));
        }
        Ok(Self { prefix: format!("tidings.{cluster}"), cluster: cluster.to_owned() })
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Where each node says now and then that it lives.
    pub(crate) fn alive(&self) -> String {
        format!("{}.alive", self.prefix)
    }

    /// Where who has this name is asked for it.
    pub(crate) fn hello(&self, node: &NodeName) -> String {
        format!("{}.hello.{}", self.prefix, token(node.as_str()))
    }

    /// Where frames for this start of a node go.
    pub(crate) fn frames(&self, to: &Me) -> String {
        format!("{}.frames.{}.{}", self.prefix, token(to.node.as_str()), to.epoch)
    }
}

/// A segment of a name as a part of a subject. Of its alphabet only the dot means something to NATS; the percent sign is
/// not in it, so that two segments never become one.
pub(crate) fn token(segment: &str) -> String {
    segment.replace('.', "%2E")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_in_a_name_is_no_dot_in_a_subject() {
        let subjects = Subjects::new("one").unwrap();
        let to = Me { node: "a.b".parse().unwrap(), epoch: 7 };
        assert_eq!(subjects.frames(&to), "tidings.one.frames.a%2Eb.7");
        assert_eq!(subjects.hello(&to.node), "tidings.one.hello.a%2Eb");
        for wrong in ["", "a.b", "a b", "*", ">", "ä"] {
            assert!(Subjects::new(wrong).is_err(), "{wrong}");
        }
    }
}
