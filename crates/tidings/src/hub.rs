//! The hub: publish, subscribe, and look at what is kept.

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;
use tidings_wire::{NameError, NodeName, OriginTag, Pattern, Remote, TopicKind, TopicName, TopicRef};

use crate::{
    Entry, Limits, Payload, Principal, Reader, Start, Subscription,
    builder::HubBuilder,
    counters::KINDS,
    error::{PublishError, SubscribeError, WriteError},
    lock,
    log::Publication,
    one::One,
    publish::{PublishOptions, Published},
    serve::Fault,
    shared::Shared,
    snapshot::{HubInfo, Snapshot, TopicInfo},
};

/// A node's hub. Cheap to clone; all clones are one hub, and it lives as long as any of them or a reader.
///
/// See the [crate's page](crate) for a first example.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
}

impl Hub {
    /// A node of its own, without a cluster, with the default limits.
    ///
    /// Must be called within a tokio runtime: the hub's shards run as tasks on it.
    ///
    /// # Errors
    /// When the name is not valid for a node.
    pub fn solo(node: &str) -> Result<Self, NameError> {
        Self::builder(node).map(HubBuilder::build)
    }

    /// A hub with other limits, or another clock.
    ///
    /// # Errors
    /// When the name is not valid for a node.
    pub fn builder(node: &str) -> Result<HubBuilder, NameError> {
        HubBuilder::new(node)
    }

    /// This node's name.
    #[must_use]
    pub fn node_name(&self) -> &NodeName {
        &self.shared.node
    }

    /// This start of the node: another one each time, and larger than those before.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// The tag with which this node's messages stand in cursors and versions.
    #[must_use]
    pub fn origin(&self) -> OriginTag {
        self.shared.origin
    }

    /// What this node holds at most.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// The kind of a topic, where it exists or is declared.
    #[must_use]
    pub fn kind(&self, topic: &TopicName) -> Option<TopicKind> {
        let known = self.shared.log().topics.get(topic).map(|topic| topic.kind);
        known.or_else(|| self.served(topic).map(|served| served.kind))
    }

    /// Subscribes to one topic, or to all topics of a pattern: what is published from now on, as a
    /// [`Stream`](futures_core::Stream).
    ///
    /// As in Phoenix, the publisher's own subscriptions receive too. Unlike there
    /// - subscribing twice gives two streams with each message once each, instead of one mailbox with each message
    ///   twice; and a [`Reader`] that joins a topic twice hears it once;
    /// - dropping a subscription ends it, and costs the same however many others there are;
    /// - a limit is an error, and a message that is lost is told as a [`Gap`](crate::Delivery::Gap).
    ///
    /// ```
    /// # use tidings::{Delivery, Hub, Payload};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// let mut titles = hub.subscribe("board/7/card/*/title")?;
    /// hub.broadcast("board/7/card/3/title", Payload::of(&"Plant trees")?)?;
    /// let Delivery::Message(message) = titles.next().await else { panic!("a message") };
    /// assert_eq!(message.topic.as_str(), "board/7/card/3/title");
    /// titles.unsubscribe();
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`SubscribeError`] when the name is not valid or a limit is reached.
    pub fn subscribe(&self, topic: &str) -> Result<Subscription, SubscribeError> {
        self.subscribe_from(topic, Start::Now)
    }

    /// Subscribes to one topic or pattern from a chosen place: now, with what is retained, or after a cursor.
    ///
    /// # Errors
    /// [`SubscribeError`] when the name is not valid or a limit is reached.
    pub fn subscribe_from(&self, topic: &str, start: Start) -> Result<Subscription, SubscribeError> {
        let pattern = Pattern::new(topic)?;
        let last = match start {
            Start::Now => Some(None),
            Start::Retained { last } => Some(Some(last)),
            Start::After(_) => None,
        };
        if let (Some(name), Some(last)) = (pattern.as_topic(), last)
            && !self.shared.is_awaited(&name)
        {
            return Ok(Subscription::of_one(One::new(self.shared.clone(), self.admit_reader()?, &name, last)?));
        }
        let mut reader = self.reader()?;
        match reader.join(0, vec![(pattern, start)]).pop() {
            Some((_, error)) => Err(error),
            None => Ok(Subscription::of_many(reader)),
        }
    }

    /// A reader without topics yet: what a page's stream is made of.
    ///
    /// # Errors
    /// [`SubscribeError::TooManyReaders`].
    pub fn reader(&self) -> Result<Reader, SubscribeError> {
        Ok(Reader::new(self.shared.clone(), self.admit_reader()?))
    }

    /// Counts one more reader, and gives it its shard.
    fn admit_reader(&self) -> Result<usize, SubscribeError> {
        let max = self.shared.limits.readers_max;
        let admitted = |readers| (readers < max).then_some(readers + 1);
        if self.shared.readers.try_update(Ordering::Relaxed, Ordering::Relaxed, admitted).is_err() {
            return Err(SubscribeError::TooManyReaders { max });
        }
        Ok(self.shared.next_shard.fetch_add(1, Ordering::Relaxed) % self.shared.shards.len())
    }

    /// Publishes to a topic by name. `Ok` means appended here.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast(&self, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.broadcast_with(topic, payload, PublishOptions::default())
    }

    /// Publishes to a topic; readers [`excluding`](Reader::excluding) this sender skip the message, on every node and
    /// on replay.
    ///
    /// Phoenix excludes a process. Here the sender is an id that the caller gives, a page's or an actor's name: it can be
    /// told to another node, a reader can say who it is after a reconnect, and it travels with the message, so that it
    /// is no secret.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast_from(&self, sender: &str, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.broadcast_with(topic, payload, PublishOptions::default().from_sender(sender))
    }

    /// Publishes with options.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn broadcast_with(
        &self,
        topic: &str,
        payload: Payload,
        options: PublishOptions,
    ) -> Result<Published, PublishError> {
        let PublishOptions { from, id, seen } = options;
        let publication = Publication { payload: Some(payload), from, id, seen, local: false };
        self.shared.publish(topic, publication, |_| Ok(()))
    }

    /// Publishes on this node only. A Signal topic's privilege: what is kept belongs to all nodes.
    ///
    /// # Errors
    /// [`PublishError::Kind`] on a State or Events topic; the other [`PublishError`]s.
    pub fn local_broadcast(&self, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.local(None, topic, payload)
    }

    /// Publishes on this node only; readers [`excluding`](Reader::excluding) this sender skip the message.
    ///
    /// # Errors
    /// [`PublishError::Kind`] on a State or Events topic; the other [`PublishError`]s.
    pub fn local_broadcast_from(&self, sender: &str, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        self.local(Some(sender.into()), topic, payload)
    }

    fn local(&self, from: Option<Box<str>>, topic: &str, payload: Payload) -> Result<Published, PublishError> {
        let publication = Publication { payload: Some(payload), from, local: true, ..Publication::default() };
        self.shared.publish(topic, publication, |kind| match kind {
            TopicKind::State | TopicKind::Events => Err("use `broadcast`: what is kept belongs to all nodes"),
            TopicKind::Signal | TopicKind::Local => Ok(()),
        })
    }

    /// Publishes a value to a typed topic.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn publish<K: Remote>(&self, topic: &TopicRef<K>, value: &K::Payload) -> Result<Published, PublishError>
    where
        K::Payload: Serialize,
    {
        self.publish_with(topic, value, PublishOptions::default())
    }

    /// Publishes a value to a typed topic, with options.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was published then.
    pub fn publish_with<K: Remote>(
        &self,
        topic: &TopicRef<K>,
        value: &K::Payload,
        options: PublishOptions,
    ) -> Result<Published, PublishError>
    where
        K::Payload: Serialize,
    {
        self.broadcast_with(topic.name()?.as_str(), Payload::of(value)?, options)
    }

    /// Clears a State topic: readers are told, and who comes later finds no value.
    ///
    /// # Errors
    /// [`PublishError::Kind`] on a topic of another kind; the other [`PublishError`]s.
    pub fn clear(&self, topic: &str) -> Result<Published, PublishError> {
        self.clear_with(topic, PublishOptions::default())
    }

    /// [`clear`](Self::clear) with options.
    ///
    /// # Errors
    /// As for [`clear`](Self::clear).
    pub fn clear_with(&self, topic: &str, options: PublishOptions) -> Result<Published, PublishError> {
        let PublishOptions { from, id, seen } = options;
        self.shared.publish(topic, Publication { payload: None, from, id, seen, local: false }, |kind| match kind {
            TopicKind::State => Ok(()),
            _ => Err("only a State topic has a value to clear"),
        })
    }

    /// Writes from outside: asks the topic's rules, checks the body against its type, publishes.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was published then.
    pub fn write(
        &self,
        who: &Principal,
        topic: &TopicName,
        body: &str,
        options: PublishOptions,
    ) -> Result<Published, WriteError> {
        let written = self.try_write(who, topic, body, options);
        // What the publish itself refuses is told there.
        if let Err(error) = &written
            && !matches!(error, WriteError::Publish(_))
        {
            tracing::debug!(%topic, %error, "a write was refused");
        }
        written
    }

    /// Clears a State topic from outside: asks who may ([`Serve::clear`](crate::Serve::clear)), and clears.
    ///
    /// # Errors
    /// [`WriteError`]; nothing was cleared then.
    pub fn clear_as(
        &self,
        who: &Principal,
        topic: &TopicName,
        options: PublishOptions,
    ) -> Result<Published, WriteError> {
        if self.served(topic).is_some_and(|served| (served.clear)(who, topic)) {
            return Ok(self.clear_with(topic.as_str(), options)?);
        }
        let error = WriteError::Forbidden { topic: topic.clone() };
        tracing::debug!(%topic, %error, "a topic was not cleared");
        Err(error)
    }

    fn try_write(
        &self,
        who: &Principal,
        topic: &TopicName,
        body: &str,
        options: PublishOptions,
    ) -> Result<Published, WriteError> {
        let forbidden = || WriteError::Forbidden { topic: topic.clone() };
        let served = self.served(topic).filter(|served| (served.write)(who, topic)).ok_or_else(forbidden)?;
        let max = self.shared.limits.payload_bytes_max;
        if body.len() > max {
            return Err(PublishError::TooLarge { bytes: body.len(), max }.into());
        }
        let payload = (served.check)(body).map_err(|fault| match fault {
            Fault::Json(fault) => WriteError::Json { fault },
            Fault::Shape(fault) => WriteError::Shape { topic: topic.clone(), fault },
            Fault::Invalid(fault) => WriteError::Invalid { topic: topic.clone(), fault },
        })?;
        Ok(self.broadcast_with(topic.as_str(), payload, options)?)
    }

    /// What a topic holds, and where the log is: the last `most` messages, or the State topic's value.
    ///
    /// Takes no notice of who asks; see [`may_read`](Self::may_read).
    #[must_use]
    pub fn snapshot(&self, topic: &TopicName, most: usize) -> Snapshot {
        let now = self.shared.now();
        let mut log = self.shared.log();
        // Under the log's lock, so that ring and cursor belong to one place.
        let kept = log.topics.get(topic).filter(|topic| topic.kind.is_retained());
        let entries = kept.map_or_else(Vec::new, |topic| {
            let mut ring = lock(&topic.ring);
            ring.expire(now.monotonic_ms);
            ring.last(most).filter(|entry| entry.payload.is_some()).cloned().collect()
        });
        Snapshot { entries, cursor: log.place(now).cursor }
    }

    /// The last messages that an Events topic keeps, oldest first; of a State topic its value.
    ///
    /// Phoenix has no history. To go on from it without a hole use [`snapshot`](Self::snapshot), which has the cursor of
    /// the same moment.
    #[must_use]
    pub fn history(&self, topic: &TopicName, last: usize) -> Vec<Arc<Entry>> {
        self.snapshot(topic, last).entries
    }

    /// The value of a typed State topic, if it has one and it can be decoded.
    #[must_use]
    pub fn value<T>(&self, topic: &TopicRef<tidings_wire::State<T>>) -> Option<T>
    where
        T: serde::de::DeserializeOwned + 'static,
    {
        let snapshot = self.snapshot(topic.name().ok()?, 1);
        snapshot.entries.first()?.payload.as_ref()?.decode().ok()
    }

    /// All topics of this node, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<TopicInfo> {
        let now_ms = self.shared.clock.monotonic_ms();
        let topics: Vec<_> = self.shared.log().topics.values().cloned().collect();
        let mut infos: Vec<_> = topics.iter().map(|topic| TopicInfo::of(topic, now_ms)).collect();
        infos.sort_unstable_by(|a, b| a.topic.cmp(&b.topic));
        infos
    }

    /// The topics of a pattern that are on this node, by name. Only names that begin like the pattern are looked at.
    #[must_use]
    pub fn topics_of(&self, pattern: &Pattern) -> Vec<TopicInfo> {
        let (now_ms, mut infos) = (self.shared.clock.monotonic_ms(), Vec::new());
        self.shared.patterns.list(pattern, |topic| {
            infos.push(TopicInfo::of(&topic, now_ms));
            true
        });
        infos
    }

    /// This hub in numbers: what was published, delivered, skipped and lost, by kind. Cheap enough to be asked each
    /// second: it walks over no topics.
    ///
    /// ```
    /// use tidings::{Hub, Payload};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let hub = Hub::solo("alpha")?;
    /// let mut subscription = hub.subscribe("chat/lobby")?;
    /// hub.broadcast("chat/lobby", Payload::from_json("1")?)?;
    /// subscription.next().await;
    /// let total = hub.info().total();
    /// assert_eq!((total.published, total.delivered, total.gaps), (1, 1, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn info(&self) -> HubInfo {
        HubInfo::of(&self.shared)
    }

    /// Who listens to a topic on this node.
    #[must_use]
    pub fn readers(&self, topic: &TopicName) -> u32 {
        self.shared.log().topics.get(topic).map_or(0, |topic| topic.readers())
    }

    /// Gaps that were told to readers of this node since it began.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        KINDS.iter().map(|kind| self.shared.told(*kind).gaps).sum::<u64>() + self.shared.pattern_gaps()
    }

    /// The cursor of this node's log, now.
    #[must_use]
    pub fn cursor(&self) -> Box<str> {
        self.shared.place().0.text
    }

    /// Milliseconds since the Unix epoch by this hub's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.wall_ms()
    }

    /// Forgets topics that nobody reads and that keep nothing; says how many. The hub does this by itself when it is
    /// full.
    pub fn forget_idle(&self) -> usize {
        let now = self.shared.now();
        let forgotten = self.shared.forget_idle(&mut self.shared.log(), now);
        if forgotten > 0 {
            // Readers that found them through a pattern drop them.
            self.shared.shards.iter().for_each(|shard| shard.wake.notify_one());
        }
        forgotten
    }
}
