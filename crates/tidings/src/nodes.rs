//! The hub in its cluster: other nodes, messages for one of them, and what they have confirmed.

use std::{sync::Arc, time::Duration};

use tidings_wire::{NodeName, OriginTag, TopicKind, TopicName};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    Hub, JournalInfo, Member, MemberState, Payload,
    cluster::{Cluster, DIRECTS_MAX},
    engine::{Carrier, Driver, EngineError, Found, Inbound, Journal, JournalError, Me, Scribe},
    error::{PublishError, Unconfirmed},
    lock,
    log::Publication,
    publish::Published,
};

/// For how long [`Hub::replicated`] waits: longer than a repair takes, some times over.
const REPLICATED_WAIT: Duration = Duration::from_secs(5);

/// After which [`Hub::changed`] has its caller look again in any case.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Hub {
    /// Makes this node one of a cluster: begins with its engine. What was published before goes to the others, too.
    ///
    /// [Serve](Self::serve) the families first: what comes from another node before its topic is declared is taken for a
    /// Signal, and not kept.
    ///
    /// ```no_run
    /// # use tidings::{Carrier, Hub, wire::{State, topics}};
    /// # topics! { TITLE(board: u32): State<String> = "board/{board}/title"; }
    /// # async fn example(carrier: impl Carrier) -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::solo("alpha")?;
    /// hub.serve(TITLE);
    /// hub.connect(carrier).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError`], when the engine cannot begin, or has begun already. The node is then alone, as before.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(&self, carrier: impl Carrier) -> Result<(), EngineError> {
        let shared = &self.shared;
        {
            let mut log = shared.log();
            if log.cluster.is_some() {
                return Err(EngineError::Connected);
            }
            log.cluster = Some(Cluster::new(&shared.limits, log.head()));
        }
        let connected = self.connect_with(Arc::new(carrier)).await;
        if connected.is_err() {
            shared.log().cluster = None;
        }
        connected
    }

    async fn connect_with(&self, carrier: Arc<dyn Carrier>) -> Result<(), EngineError> {
        let shared = &self.shared;
        let journal = carrier.journal();
        let mut found = Found::default();
        if let Some(journal) = &journal {
            let (most, takes) = (self.limits().record_bytes_max(), journal.record_bytes_max().await?);
            if takes < most {
                let reason = format!(
                    "it takes records of {takes} bytes, and this node's limits make some of {most}: let it take more, \
                     or lower `payload_bytes_max`"
                );
                return Err(JournalError::Other(reason).into());
            }
            self.read_journal(&**journal, &mut found).await?;
        }
        let (inbound, inbox) = Inbound::new();
        let me = Me { node: shared.node.clone(), epoch: shared.epoch };
        carrier.start(me, inbound).await?;
        let (stop, stopped) = oneshot::channel();
        *lock(&shared.stop) = Some(stop);
        let published = Arc::<Notify>::default();
        tokio::spawn(Driver::new(shared, carrier, inbox, published.clone()).run(stopped));
        let Some(journal) = journal else { return Ok(()) };
        // Once more: who had this name before may have written its last after the first look, and answers no more.
        if let Err(error) = self.read_journal(&*journal, &mut found).await {
            self.leave().await;
            return Err(error);
        }
        let (stop, stopped) = oneshot::channel();
        *lock(&shared.stop_scribe) = Some(stop);
        shared.journaled(|_| ());
        tokio::spawn(Scribe::new(shared, journal, published, found).run(stopped));
        Ok(())
    }

    /// Takes over what a journal keeps, if anything was written since the last look.
    async fn read_journal(&self, journal: &dyn Journal, found: &mut Found) -> Result<(), EngineError> {
        if let Some(kept) = journal.read().await? {
            let mut replay = self.shared.plan_replay(kept);
            found.written.extend(replay.written());
            let replayed = self.shared.replay(&mut replay).await;
            found.stale = replayed.map_err(|reason| EngineError::from(JournalError::Other(reason)))?;
        }
        Ok(())
    }

    /// How far this node's messages are in the journal; `None` where there is none.
    #[must_use]
    pub fn journal(&self) -> Option<JournalInfo> {
        self.shared.log().journal()
    }

    /// Waits until a message of this node is in the journal: from then on it outlives all nodes. Says whether it is, at
    /// the latest after `timeout`; `false` at once where there is no journal.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use tidings::{Hub, Payload};
    /// # async fn example(hub: Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// let published = hub.broadcast("orders/7", Payload::of("paid")?)?;
    /// if !hub.journaled_within(&published, Duration::from_secs(5)).await {
    ///     println!("published, and not kept yet");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn journaled_within(&self, published: &Published, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let news = self.shared.news.notified();
            let Some(info) = self.journal() else { return false };
            // A message that stays on this node is in no journal; of another node's, it tells itself.
            let is_own = published.stamp > 0 && published.version.origin() == self.shared.origin;
            if is_own && info.written >= published.stamp {
                return true;
            }
            if !is_own || timeout_at(deadline, news).await.is_err() {
                return false;
            }
        }
    }

    /// The other nodes of the cluster that were seen since this one began, by name. None for a node alone.
    #[must_use]
    pub fn nodes(&self) -> Vec<Member> {
        let log = self.shared.log();
        let Some(cluster) = &log.cluster else { return Vec::new() };
        let with_counts = |member: Member| {
            let applied = member.epoch.map_or(0, |epoch| log.has(OriginTag::of(&member.node, epoch)));
            let counts = cluster.peers.get(&member.node).map(|peer| (peer.messages_sent, peer.messages_spared));
            let (sent, spared) = counts.unwrap_or_default();
            Member { applied, sent, spared, ..member }
        };
        cluster.members.iter().cloned().map(with_counts).collect()
    }

    /// Whether this node had to leave its cluster because an older node of its name was found, as happens when a
    /// partition heals. It then goes on alone: a server should end, and say so. [`changed`](Self::changed) wakes for it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.shared.log().cluster.as_ref().is_some_and(|cluster| cluster.taken)
    }

    /// How many messages this node has published to its cluster since its start: the stamp of the last one.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.shared.log().head()
    }

    /// Frames of other nodes that were dropped since the start, because they were none or in another node's name.
    #[must_use]
    pub fn frames_refused(&self) -> u64 {
        self.shared.log().cluster.as_ref().map_or(0, |cluster| cluster.refused)
    }

    /// Of the frames that were dropped, those that were damaged on their way: the carrier's fault, and nobody's malice.
    #[must_use]
    pub fn frames_damaged(&self) -> u64 {
        self.shared.log().cluster.as_ref().map_or(0, |cluster| cluster.damaged)
    }

    /// Waits for the next change in the cluster: a node comes or goes, or something of another node is applied.
    ///
    /// Look first, then wait, and look again: it may wake more often than there is news, and at least once a second.
    pub async fn changed(&self) {
        // A look once a second costs nothing, and makes a change between a look and this call no loss.
        let _ = tokio::time::timeout(LOOK_AGAIN, self.shared.news.notified()).await;
    }

    /// Waits until so many other nodes are up, and this one has what they had published; says how many are.
    ///
    /// At boot, before the node takes visitors: it then serves what the cluster holds. Answers at the latest after
    /// `timeout`, for a node serves alone rather than not at all.
    pub async fn wait_for_nodes(&self, count: usize, timeout: Duration) -> usize {
        let deadline = Instant::now() + timeout;
        loop {
            // Listening before looking, so that what happens in between is not missed.
            let news = self.shared.news.notified();
            let up = self.nodes().iter().filter(|member| member.state == MemberState::Up).count();
            if up >= count && self.has_caught_up() || timeout_at(deadline, news).await.is_err() {
                return up;
            }
        }
    }

    /// Whether this node has applied everything that its peers have told to have, and lists everybody whom they have
    /// told to be present.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        let has_messages = {
            let log = self.shared.log();
            log.cluster.as_ref().is_none_or(|cluster| cluster.has_caught_up(log.me(), |origin| log.has(origin)))
        };
        has_messages && self.shared.presence(|core, _| core.has_caught_up())
    }

    /// Publishes on one other node alone: to who listens there. `Ok` means queued. At most once: it has no stamp, and
    /// is lost with its frame. A Signal topic's privilege, as [`local_broadcast`](Self::local_broadcast) is.
    ///
    /// To this node itself, that is what it does. (Phoenix's `direct_broadcast` says `:ok` for any node.)
    ///
    /// # Errors
    /// [`PublishError::UnknownNode`] when no node of this name is up, [`PublishError::Busy`] when too many wait; the
    /// other [`PublishError`]s.
    pub fn direct_broadcast(&self, node: &NodeName, topic: &str, payload: Payload) -> Result<(), PublishError> {
        let name = TopicName::new(topic)?;
        if node == self.node_name() {
            return self.local_broadcast(topic, payload).map(drop);
        }
        let shared = &self.shared;
        let (bytes, max) = (payload.len(), shared.limits.payload_bytes_max);
        if bytes > max {
            return Err(PublishError::TooLarge { bytes, max });
        }
        let kind = self.kind(&name).unwrap_or(TopicKind::Signal);
        if kind != TopicKind::Signal {
            let fix = "use `broadcast`: what is kept belongs to all nodes";
            return Err(PublishError::Kind { topic: name, kind, fix });
        }
        let now = shared.now();
        let mut log = shared.log();
        let entry = log.letter(now, &name, Publication { payload: Some(payload), ..Publication::default() });
        let peer = log.cluster.as_mut().filter(|cluster| cluster.peers.contains_key(node));
        let cluster = peer.ok_or_else(|| PublishError::UnknownNode { node: node.clone() })?;
        if !cluster.direct(node.clone(), entry) {
            return Err(PublishError::Busy { max: DIRECTS_MAX });
        }
        drop(log);
        shared.outgoing.notify_one();
        Ok(())
    }

    /// Waits until so many peers have applied a message of this node, at most five seconds.
    ///
    /// ```no_run
    /// # use tidings::{Hub, Payload};
    /// # async fn example(hub: Hub) -> Result<(), Box<dyn std::error::Error>> {
    /// let published = hub.broadcast("orders/7", Payload::of("paid")?)?;
    /// hub.replicated(&published, 1).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Unconfirmed`]: it is published all the same, and goes on its way.
    pub async fn replicated(&self, published: &Published, peers: usize) -> Result<usize, Unconfirmed> {
        self.replicated_within(published, peers, REPLICATED_WAIT).await
    }

    /// The same with another time to wait.
    ///
    /// # Errors
    /// [`Unconfirmed`]: it is published all the same, and goes on its way.
    pub async fn replicated_within(
        &self,
        published: &Published,
        peers: usize,
        timeout: Duration,
    ) -> Result<usize, Unconfirmed> {
        let deadline = Instant::now() + timeout;
        let mut asked = false;
        loop {
            let news = self.shared.news.notified();
            let confirmed = self.confirmed(published, !std::mem::replace(&mut asked, true));
            if confirmed >= peers {
                return Ok(confirmed);
            }
            if timeout_at(deadline, news).await.is_err() {
                return Err(Unconfirmed { confirmed, wanted: peers });
            }
        }
    }

    /// How many peers have applied a message; asks the others to tell when they have.
    fn confirmed(&self, published: &Published, ask: bool) -> usize {
        let (origin, stamp) = (published.version.origin(), published.stamp);
        let mut log = self.shared.log();
        let me = log.me();
        let Some(cluster) = &mut log.cluster else { return 0 };
        // A message that stays on this node is nobody's to confirm.
        let confirmed = if stamp == 0 { 0 } else { cluster.confirmed(origin, stamp) };
        // The answer to a retry may name another node's message: of that, beats tell.
        if ask && origin == me {
            cluster.ask_to_confirm(stamp);
            drop(log);
            self.shared.outgoing.notify_one();
        }
        confirmed
    }

    /// Leaves the cluster in order: peers are told, so that nobody takes it for a crash, and the engine ends. The hub
    /// goes on alone. Of a node alone, does nothing.
    ///
    /// Where there is a journal, what was published is written first, for at most five seconds.
    pub async fn leave(&self) {
        let stop = lock(&self.shared.stop_scribe).take();
        let (done, is_done) = oneshot::channel();
        if stop.is_some_and(|stop| stop.send(done).is_ok()) {
            // An error is a scribe that has ended by itself.
            let _ = is_done.await;
        }
        let stop = lock(&self.shared.stop).take();
        let (done, is_done) = oneshot::channel();
        if stop.is_some_and(|stop| stop.send(done).is_ok()) {
            // An error is a driver that has ended by itself.
            let _ = is_done.await;
        }
    }
}
