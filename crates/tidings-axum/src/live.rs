//! The streams of a node: who is open, who has to be told what.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::request::Parts;
use serde::{Deserialize, Serialize};
use slab::Slab;
use tidings::{
    Hub, Principal, ReaderWaker,
    wire::{SharedPaint, TopicName, live::Change},
};
use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{
    letters::{Asked, is_ours, read_letters},
    page_id::Secret,
};

/// Buckets among which the streams' beats are spread, so that they do not all come at once.
const BEAT_BUCKETS: usize = 15;

/// Changes that a page may have waiting for its stream: a page that sends more than its stream can take is broken.
const CHANGES_WAITING_MAX: usize = 64;

/// Tells from a request who sends it.
pub type Identify = Arc<dyn Fn(&Parts) -> Principal + Send + Sync>;

/// How streams behave.
#[derive(Clone)]
#[non_exhaustive]
pub struct LiveOptions {
    /// Names this build of the app: a page of another build offers to reload.
    pub build: String,
    /// An idle stream beats this often. Default 15 s: below the 30 to 60 s after which proxies close what is silent.
    pub beat: Duration,
    /// A stopping node spreads the return of its readers over this time. Default 2 s.
    pub return_spread: Duration,
    /// Origins under which this app is served, as `https://app.example`: needed where a proxy changes the `Host`
    /// header, and a browser's `Origin` no longer names it. Default none.
    pub origins: Vec<String>,
    /// Who sends a request. Default: nobody is known.
    pub identify: Identify,
    /// Signs page ids. Default: a secret of this process alone. All nodes of a cluster need the same: a page's call to
    /// another node than its stream's is not forwarded otherwise, and costs the page a new stream.
    pub secret: Option<Secret>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            build: String::new(),
            beat: Duration::from_secs(15),
            return_spread: Duration::from_secs(2),
            origins: Vec::new(),
            identify: Arc::new(|_| Principal::anonymous()),
            secret: None,
        }
    }
}

impl LiveOptions {
    /// Sets [`build`](Self::build).
    #[must_use]
    pub fn build(mut self, build: &str) -> Self {
        build.clone_into(&mut self.build);
        self
    }

    /// Sets [`beat`](Self::beat).
    #[must_use]
    pub fn beat(mut self, beat: Duration) -> Self {
        self.beat = beat;
        self
    }

    /// Sets [`return_spread`](Self::return_spread).
    #[must_use]
    pub fn return_spread(mut self, spread: Duration) -> Self {
        self.return_spread = spread;
        self
    }

    /// Sets [`origins`](Self::origins).
    #[must_use]
    pub fn origins(mut self, origins: Vec<String>) -> Self {
        self.origins = origins;
        self
    }

    /// Sets [`identify`](Self::identify).
    #[must_use]
    pub fn identify(mut self, identify: impl Fn(&Parts) -> Principal + Send + Sync + 'static) -> Self {
        self.identify = Arc::new(identify);
        self
    }

    /// Sets [`secret`](Self::secret).
    #[must_use]
    pub fn secret(mut self, secret: Option<Secret>) -> Self {
        self.secret = secret;
        self
    }
}

impl fmt::Debug for LiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOptions").field("build", &self.build).field("beat", &self.beat).finish_non_exhaustive()
    }
}

/// A hub with its open streams. Cheap to clone; the state of all routes of this crate.
#[derive(Clone, Debug)]
pub struct Live(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    hub: Hub,
    options: LiveOptions,
    secret: Secret,
    /// Locked for a look-up or an insert, never across an await; a stream's inbox may be locked under it.
    streams: Mutex<Streams>,
    /// Set once: no new streams.
    draining: watch::Sender<bool>,
    /// Calls that wait for another node.
    asked: Asked,
}

impl From<Arc<Inner>> for Live {
    fn from(inner: Arc<Inner>) -> Self {
        Self(inner)
    }
}

#[derive(Debug, Default)]
struct Streams {
    open: Slab<Arc<Outside>>,
    by_page: HashMap<String, usize>,
}

/// A stream as the rest of the node sees it.
#[derive(Debug)]
pub(crate) struct Outside {
    who: Principal,
    waker: ReaderWaker,
    /// Locked for a push or a take.
    inbox: Mutex<Inbox>,
}

/// What a stream has been told and has not acted on.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    pub(crate) changes: Vec<Change>,
    pub(crate) beat: bool,
    /// What its principal may read has changed.
    pub(crate) rights: bool,
    /// A list of who is present has changed.
    pub(crate) presence: bool,
    /// Say goodbye, with the delay in milliseconds after which to come back.
    pub(crate) bye: Option<u32>,
    /// The page has opened another stream.
    pub(crate) replaced: bool,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        let is_told = self.beat || self.rights || self.presence || self.replaced;
        self.changes.is_empty() && !is_told && self.bye.is_none()
    }
}

/// A [`Change`] could not be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Undelivered {
    NoSuchPage,
    TooMany,
}

impl Live {
    /// The streams of a hub; one for each hub. Starts the task that makes them beat, and the one that hears of other
    /// nodes' pages, so it must be called within a tokio runtime.
    ///
    /// # Errors
    /// When no secret was given and the system has no randomness.
    pub fn new(hub: Hub, options: LiveOptions) -> Result<Self, getrandom::Error> {
        let secret = options.secret.clone().map_or_else(Secret::random, Ok)?;
        let tick = options.beat / BEAT_BUCKETS as u32;
        let draining = watch::Sender::new(false);
        let gone = draining.subscribe();
        let inner =
            Arc::new(Inner { asked: Asked::new(&hub), hub, options, secret, streams: Mutex::default(), draining });
        tokio::spawn(beat(Arc::downgrade(&inner), tick));
        tokio::spawn(read_letters(Arc::downgrade(&inner), gone));
        Ok(Self(inner))
    }

    /// The hub.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// The options that it was made with.
    #[must_use]
    pub fn options(&self) -> &LiveOptions {
        &self.0.options
    }

    /// Streams that are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams().open.len()
    }

    /// Whether new streams are refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Waits until [`drain`](Self::drain) is called.
    pub async fn drained(&self) {
        // The sender is here: the channel cannot close.
        let _ = self.0.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// Ends all streams after a goodbye, and refuses new ones: the first step of a stop. Readers are asked to come back
    /// at moments spread over [`LiveOptions::return_spread`].
    pub fn drain(&self) {
        self.0.draining.send_replace(true);
        // Told outside of the lock: a waker is somebody else's code.
        let open: Vec<_> = self.streams().open.iter().map(|(_, stream)| stream.clone()).collect();
        let (count, spread_ms) = (open.len().max(1) as u128, self.0.options.return_spread.as_millis());
        for (nth, stream) in open.iter().enumerate() {
            stream.tell(|inbox| inbox.bye = Some((spread_ms * nth as u128 / count) as u32));
        }
    }

    /// How components read this hub while a page is rendered for somebody; goes into the page's context.
    #[must_use]
    pub fn paint(&self, who: Principal) -> SharedPaint {
        crate::paint::of(self.clone(), who)
    }

    /// Who sends a request.
    #[must_use]
    pub fn principal(&self, parts: &Parts) -> Principal {
        (self.0.options.identify)(parts)
    }

    /// What somebody may read has changed: their open streams ask the rules again, on all nodes of the cluster.
    ///
    /// A topic that may no longer be read ends on them, and the component's status is `Forbidden`; its value is taken
    /// from a page. One that was refused and is open now begins. Nothing of the other topics is lost or told twice, and
    /// no stream is opened anew. It holds when a stream has read what was published before: at once, and within the
    /// second for which a node that lags waits.
    ///
    /// A plain stream whose named topic was closed ends; its client asks again and is refused.
    ///
    /// ```
    /// # use tidings::{Hub, Principal};
    /// # use tidings_axum::{Live, LiveOptions};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let live = Live::new(Hub::solo("alpha")?, LiveOptions::default())?;
    /// // … ann has left the team, and the rules know it. Then:
    /// live.rights_changed(&Principal::named("ann"));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub fn rights_changed(&self, who: &Principal) {
        self.ask_again(Some(who));
        self.spread_rights(Some(who));
    }

    /// The same for everybody: a topic was closed, or opened.
    pub fn rights_changed_for_all(&self) {
        self.ask_again(None);
        self.spread_rights(None);
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.0.asked
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.0.secret
    }

    /// Enters a stream. Its key takes it out again. `None` while draining.
    pub(crate) fn enter(
        &self,
        waker: ReaderWaker,
        page: Option<&str>,
        who: Principal,
    ) -> Option<(usize, Arc<Outside>)> {
        let outside = Arc::new(Outside { who, waker, inbox: Mutex::default() });
        let mut streams = self.streams();
        // Under the lock that `drain` walks with: a stream is either walked or refused.
        if self.is_draining() {
            return None;
        }
        let key = streams.open.insert(outside.clone());
        if let Some(page) = page {
            streams.by_page.insert(page.to_owned(), key);
        }
        Some((key, outside))
    }

    pub(crate) fn leave(&self, key: usize, page: Option<&str>) {
        let mut streams = self.streams();
        streams.open.remove(key);
        if let Some(page) = page {
            streams.by_page.remove(page);
        }
    }

    /// Ends the stream of a page that opened another one.
    pub(crate) fn replace(&self, page: &str) {
        if let Some(stream) = self.stream_of(page) {
            stream.tell(|inbox| inbox.replaced = true);
        }
    }

    /// Has the open streams of somebody, or of everybody, ask the rules again.
    pub(crate) fn ask_again(&self, who: Option<&Principal>) {
        let concerned = |stream: &&Arc<Outside>| who.is_none_or(|who| *who == stream.who);
        let open: Vec<_> = self.streams().open.iter().map(|(_, stream)| stream).filter(concerned).cloned().collect();
        for stream in open {
            stream.tell(|inbox| inbox.rights = true);
        }
    }

    /// Whether somebody outside may read a topic.
    pub(crate) fn may_read(&self, who: &Principal, topic: &TopicName) -> bool {
        !is_ours(topic) && self.0.hub.may_read(who, topic)
    }

    /// Hands a change to its page's stream.
    pub(crate) fn change(&self, change: Change) -> Result<(), Undelivered> {
        let stream = self.stream_of(&change.page).ok_or(Undelivered::NoSuchPage)?;
        let mut fits = true;
        stream.tell(|inbox| {
            fits = inbox.changes.len() < CHANGES_WAITING_MAX;
            if fits {
                inbox.changes.push(change);
            }
        });
        if fits { Ok(()) } else { Err(Undelivered::TooMany) }
    }

    fn stream_of(&self, page: &str) -> Option<Arc<Outside>> {
        let streams = self.streams();
        streams.by_page.get(page).and_then(|key| streams.open.get(*key)).cloned()
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.streams()
    }
}

impl Inner {
    fn streams(&self) -> MutexGuard<'_, Streams> {
        // Nothing under this lock panics half way.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outside {
    pub(crate) fn tell(&self, what: impl FnOnce(&mut Inbox)) {
        what(&mut self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
        self.waker.wake();
    }

    /// Takes what the stream was told; `None` if nothing.
    pub(crate) fn take(&self) -> Option<Inbox> {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.is_empty() { None } else { Some(std::mem::take(&mut inbox)) }
    }
}

/// Makes streams beat, a bucket at a time, until the last handle is gone.
async fn beat(live: Weak<Inner>, tick: Duration) {
    let mut ticks = tokio::time::interval(tick.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bucket = 0;
    loop {
        ticks.tick().await;
        let Some(live) = live.upgrade() else { return };
        bucket = (bucket + 1) % BEAT_BUCKETS;
        let due = |(key, _): &(usize, &Arc<Outside>)| key % BEAT_BUCKETS == bucket;
        let streams: Vec<_> = live.streams().open.iter().filter(due).map(|(_, stream)| stream.clone()).collect();
        for stream in streams {
            stream.tell(|inbox| inbox.beat = true);
        }
    }
}
