//! The subjects of a cluster: `tidings.{cluster}.{what}.{…}`.

use tidings::{
    Me, Shelf,
    wire::{NodeName, OriginTag, TopicName},
};

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

    /// The name of a stream of JetStream: of histories, or of what is replaced.
    pub(crate) fn stream(&self, of_history: bool) -> String {
        format!("TIDINGS_{}_{}", self.cluster, if of_history { "HISTORY" } else { "VALUES" })
    }

    /// The subjects that it keeps.
    pub(crate) fn of_stream(&self, of_history: bool) -> Vec<String> {
        let kinds: &[_] = if of_history { &["history"] } else { &["value", "mark", "holds"] };
        kinds.iter().map(|kind| format!("{}.{kind}.>", self.prefix)).collect()
    }

    /// The subject of a shelf, and whether it is a history.
    pub(crate) fn shelf(&self, shelf: &Shelf) -> (bool, String) {
        let prefix = &self.prefix;
        match shelf {
            Shelf::Value { origin, writer, topic } => {
                (false, format!("{prefix}.value.{origin}.{writer}.{}", tokens(topic)))
            }
            Shelf::History { topic, .. } => (true, format!("{prefix}.history.{}", tokens(topic))),
            Shelf::Mark { origin, writer } => (false, format!("{prefix}.mark.{origin}.{writer}")),
            Shelf::Holds { writer } => (false, format!("{prefix}.holds.{writer}")),
        }
    }

    /// Everything of the cluster.
    pub(crate) fn all(&self) -> String {
        format!("{}.>", self.prefix)
    }

    /// What an origin last wrote on a topic, of all writers.
    pub(crate) fn values(&self, origin: OriginTag, topic: &TopicName) -> String {
        format!("{}.value.{origin}.*.{}", self.prefix, tokens(topic))
    }

    /// The marks of an origin, of all writers.
    pub(crate) fn marks(&self, origin: OriginTag) -> String {
        format!("{}.mark.{origin}.*", self.prefix)
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

/// A topic's name as the end of a subject.
fn tokens(topic: &TopicName) -> String {
    let tokens: Vec<_> = topic.segments().map(token).collect();
    tokens.join(".")
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

    #[test]
    fn each_shelf_has_a_subject_of_its_own() {
        let (subjects, origin) = (Subjects::new("one").unwrap(), OriginTag::from_low_bits(7));
        let topic = |name: &str| Shelf::History { topic: name.parse().unwrap(), origin, writer: origin, stamp: 1 };
        assert_eq!(subjects.shelf(&topic("a/b.c/~")), (true, "tidings.one.history.a.b%2Ec.~".to_owned()));
        assert_ne!(subjects.shelf(&topic("a.b")), subjects.shelf(&topic("a/b")));
        let mark = subjects.shelf(&Shelf::Mark { origin, writer: origin }).1;
        assert_eq!(mark, "tidings.one.mark.000000000007.000000000007");
        assert_eq!(subjects.marks(origin), "tidings.one.mark.000000000007.*");
    }
}
