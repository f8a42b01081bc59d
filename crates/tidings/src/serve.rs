//! What a hub serves: the declared topics, who may read and write them from outside, and what is valid.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use tidings_wire::{Keep, Kind, Pattern, Remote, Topic, TopicKind, TopicName};

use crate::{Payload, Principal, hub::Hub, lock};

/// Decides whether somebody may do something with a topic.
pub type Rule = Arc<dyn Fn(&Principal, &TopicName) -> bool + Send + Sync>;

/// Decides whether somebody may be present on a topic under a key.
type BePresent = Arc<dyn Fn(&Principal, &TopicName, &str) -> bool + Send + Sync>;

/// Turns a meta from outside into the one that is shown.
type Meta = Arc<dyn Fn(&Principal, &str) -> Result<Payload, String> + Send + Sync>;

/// Turns a body from outside into a payload of the topic's type.
type Check = Arc<dyn Fn(&str) -> Result<Payload, Fault> + Send + Sync>;

/// Why a body was refused.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No JSON at all.
    Json(String),
    /// JSON of another type.
    Shape(String),
    /// The right type, and refused by the topic's own rule.
    Invalid(String),
}

/// Reads a body as a topic's type, asks the topic's rule, and encodes it again: what the type does not know does not
/// travel.
fn check<T: Serialize + DeserializeOwned>(
    body: &str,
    rule: impl Fn(&T) -> Result<(), String>,
) -> Result<Payload, Fault> {
    // Asked first: of a text that is no JSON, a decoder may only say that it is not what it wanted.
    serde_json::from_str::<IgnoredAny>(body).map_err(|error| Fault::Json(error.to_string()))?;
    let value: T = serde_json::from_str(body).map_err(|error| Fault::Shape(error.to_string()))?;
    rule(&value).map_err(Fault::Invalid)?;
    Payload::of(&value).map_err(|error| Fault::Shape(error.to_string()))
}

/// A family of topics as the hub serves it.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) pattern: Pattern,
    pub(crate) kind: TopicKind,
    pub(crate) keep: Keep,
    pub(crate) read: Rule,
    pub(crate) write: Rule,
    pub(crate) clear: Rule,
    pub(crate) check: Check,
    pub(crate) see_presences: Rule,
    pub(crate) be_present: BePresent,
    pub(crate) meta: Meta,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("pattern", &self.pattern).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A family of topics that a hub serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// Its topics: parameters are `*`.
    pub pattern: Pattern,
    /// Their kind.
    pub kind: TopicKind,
    /// What they keep.
    pub keep: Keep,
}

/// Everybody may: a rule for [`Serve::read`], [`Serve::write`] and [`Serve::clear`].
#[must_use]
pub fn anyone(_: &Principal, _: &TopicName) -> bool {
    true
}

/// Nobody may, but the server's own code: what holds until a rule is given.
#[must_use]
pub fn nobody(_: &Principal, _: &TopicName) -> bool {
    false
}

/// Says how a family of topics is served; made by [`Hub::serve`].
///
/// Until a rule opens it, a family is closed to the outside.
#[derive(Debug)]
pub struct Serve<'a, K> {
    hub: &'a Hub,
    served: Served,
    typed: PhantomData<fn() -> K>,
}

impl Hub {
    /// Serves a declared family of topics: from here on the hub knows its kind, what it keeps, and what fits it.
    ///
    /// Do this before the first topic of the family is used; a topic keeps the kind that it began with.
    ///
    /// ```
    /// use tidings::{Hub, anyone, wire::{topics, State}};
    /// topics! { TITLE(board: u32): State<String> = "board/{board}/title"; }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// hub.serve(TITLE).read(anyone).write(|who, _topic| who.name().is_some()).validate(|title| {
    ///     if title.len() <= 80 { Ok(()) } else { Err("a title has at most 80 bytes".to_owned()) }
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Panics
    /// Never: a declared name is a valid pattern, which [`topics!`](tidings_wire::topics) has checked at compile time.
    pub fn serve<K, P>(&self, topic: Topic<K, P>) -> Serve<'_, K>
    where
        K: Remote,
        K::Payload: Serialize + DeserializeOwned,
    {
        let family = topic.family();
        let pattern = family.pattern().expect("checked at compile time").clone();
        let check: Check = Arc::new(|body| check::<K::Payload>(body, |_| Ok(())));
        let closed: Rule = Arc::new(nobody);
        let (read, write, clear, see_presences) = (closed.clone(), closed.clone(), closed.clone(), closed);
        let be_present: BePresent = Arc::new(|_, _, _| false);
        let meta: Meta = Arc::new(|_, text| Payload::from_json(text).map_err(|error| error.to_string()));
        let (kind, keep) = (K::KIND, topic.keep());
        let served = Served { pattern, kind, keep, read, write, clear, check, see_presences, be_present, meta };
        let serve = Serve { hub: self, served, typed: PhantomData };
        serve.register();
        serve
    }

    /// The families that this hub serves, in the order of their declaration.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let served = lock(&self.shared.served);
        served
            .iter()
            .map(|served| Family { pattern: served.pattern.clone(), kind: served.kind, keep: served.keep })
            .collect()
    }

    /// The newest declaration whose family holds a topic.
    pub(crate) fn served(&self, topic: &TopicName) -> Option<Served> {
        self.shared.served_as(topic)
    }

    /// Whether somebody outside may read a topic. An undeclared one nobody may.
    #[must_use]
    pub fn may_read(&self, who: &Principal, topic: &TopicName) -> bool {
        self.served(topic).is_some_and(|served| (served.read)(who, topic))
    }

    /// Whether somebody outside may write a topic. An undeclared one nobody may.
    #[must_use]
    pub fn may_write(&self, who: &Principal, topic: &TopicName) -> bool {
        self.served(topic).is_some_and(|served| (served.write)(who, topic))
    }

    /// Whether somebody outside may see who is present on a topic.
    #[must_use]
    pub fn may_see_presences(&self, who: &Principal, topic: &TopicName) -> bool {
        self.served(topic).is_some_and(|served| (served.see_presences)(who, topic))
    }

    /// Whether somebody outside may be present on a topic under a key.
    #[must_use]
    pub fn may_be_present(&self, who: &Principal, topic: &TopicName, key: &str) -> bool {
        self.served(topic).is_some_and(|served| (served.be_present)(who, topic, key))
    }

    /// What somebody outside says of itself on a topic, as it will be shown.
    ///
    /// # Errors
    /// Why it does not fit the topic, for who said it.
    pub fn check_meta(&self, who: &Principal, topic: &TopicName, meta: &str) -> Result<Payload, String> {
        let served = self.served(topic).ok_or_else(|| "there is no such topic".to_owned())?;
        (served.meta)(who, meta)
    }
}

impl<K: Kind> Serve<'_, K> {
    fn registered(self) -> Self {
        self.register();
        self
    }

    /// Who may read, from outside: asked at subscribe, and when a page is rendered.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn read(mut self, rule: impl Fn(&Principal, &TopicName) -> bool + Send + Sync + 'static) -> Self {
        self.served.read = Arc::new(rule);
        self.registered()
    }

    /// Who may write, from outside.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn write(mut self, rule: impl Fn(&Principal, &TopicName) -> bool + Send + Sync + 'static) -> Self {
        self.served.write = Arc::new(rule);
        self.registered()
    }

    /// Who may clear a State topic, from outside. A right of its own: who may change a value may not yet take it away.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn clear(mut self, rule: impl Fn(&Principal, &TopicName) -> bool + Send + Sync + 'static) -> Self {
        self.served.clear = Arc::new(rule);
        self.registered()
    }

    /// What is valid, beyond the type. The error's text is for who wrote the value.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn validate(mut self, rule: impl Fn(&K::Payload) -> Result<(), String> + Send + Sync + 'static) -> Self
    where
        K::Payload: Serialize + DeserializeOwned,
    {
        self.served.check = Arc::new(move |body| check(body, &rule));
        self.registered()
    }

    /// Who may see who is present, from outside. Closed until this opens it, also where everyone may read: who is there
    /// is told to nobody by accident.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn see_presences(mut self, rule: impl Fn(&Principal, &TopicName) -> bool + Send + Sync + 'static) -> Self {
        self.served.see_presences = Arc::new(rule);
        self.registered()
    }

    /// Who may be present, from outside, and under which key: mostly the one that is their own name.
    ///
    /// ```
    /// use tidings::{Hub, Principal, anyone, wire::{topics, Events}};
    /// topics! { CHAT(room: String): Events<String> = "chat/{room}"; }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// hub.serve(CHAT).see_presences(anyone).be_present(|who, _topic, key| who.name() == Some(key));
    /// let lobby = CHAT.at("lobby");
    /// assert!(hub.may_be_present(&Principal::named("ann"), lobby.name()?, "ann"));
    /// assert!(!hub.may_be_present(&Principal::named("bob"), lobby.name()?, "ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn be_present(mut self, rule: impl Fn(&Principal, &TopicName, &str) -> bool + Send + Sync + 'static) -> Self {
        self.served.be_present = Arc::new(rule);
        self.registered()
    }

    /// What who is present may say of itself: a meta from outside is read as this type, given to the rule, and what that
    /// makes of it is shown. What the type does not know does not travel. Without a rule any JSON is taken, up to
    /// [`Limits::presence_meta_bytes_max`](crate::Limits).
    ///
    /// The error's text is for who said it.
    #[allow(clippy::must_use_candidate, reason = "the rule holds at once; chaining is a choice")]
    pub fn meta<M>(mut self, rule: impl Fn(&Principal, M) -> Result<M, String> + Send + Sync + 'static) -> Self
    where
        M: Serialize + DeserializeOwned + 'static,
    {
        self.served.meta = Arc::new(move |who, text| {
            let meta: M =
                serde_json::from_str(text).map_err(|error| format!("the meta is of another shape: {error}"))?;
            Payload::of(&rule(who, meta)?).map_err(|error| error.to_string())
        });
        self.registered()
    }

    fn register(&self) {
        let mut all = lock(&self.hub.shared.served);
        all.retain(|served| served.pattern != self.served.pattern);
        all.push(self.served.clone());
    }
}
