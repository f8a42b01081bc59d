//! Who is present: pages that come, say something else, are cut, move and go; and what those who watch are told.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{super::node::SimulatedNode, Fault, World};
use crate::{Hub, Payload, PresenceChange, PresenceChanges, Reference, Tracked};

/// Topics that people are on.
const ROOMS: [&str; 3] = ["room/0", "room/1", "room/2"];

/// After which a page that was cut is back elsewhere, at most: well within the grace.
const BACK_MS_MAX: u64 = 250;

/// After which a node notices that a page's stream has ended, at most.
const STALE_MS_MAX: u64 = 400;

/// After which a node that has begun has everybody's list: before, it may hear that an entry left at one node, and only
/// then that it is held at another.
const SETTLE_MS: u64 = 1_000;

/// All pages of a run, and all that watch.
#[derive(Default)]
pub(in super::super) struct People {
    pages: Vec<Page>,
    watchers: Vec<Watcher>,
    /// Handles of streams whose page has moved: their node has not noticed yet, until then.
    stale: Vec<(u64, usize, Tracked)>,
    metas: u64,
    joins: usize,
    leaves: usize,
}

struct Page {
    reference: Reference,
    room: &'static str,
    key: String,
    meta: u64,
    /// Its node and its handle, while it has a stream.
    at: Option<(usize, Tracked)>,
    /// Since when it has none.
    cut_ms: u64,
    /// When it is back; never, where it was closed.
    back_ms: Option<u64>,
    /// It may have left: it was closed or will not be back, or it was without a stream for as long as the grace.
    may_have_left: bool,
}

struct Watcher {
    node: usize,
    epoch: u64,
    room: &'static str,
    changes: PresenceChanges,
    /// What the list and the diffs come to; `None` before the list.
    list: Option<List>,
    stalled_until_ms: u64,
    /// From then on its node has everybody's list.
    settled_ms: u64,
}

type List = BTreeMap<(Arc<str>, Reference), (Payload, bool)>;

fn list(hub: &Hub, room: &str) -> List {
    let all = hub.presences(room).expect("a plain name").into_iter();
    all.map(|one| ((one.key, one.reference), (one.meta, one.is_fading))).collect()
}

impl World {
    /// Pages do what pages do.
    pub(super) fn people_move(&mut self) {
        let now_ms = self.now();
        self.people.stale.retain(|(until_ms, ..)| *until_ms > now_ms);
        if self.people.pages.iter().filter(|page| page.at.is_some() || page.back_ms.is_some()).count() < self.plan.pages
        {
            self.open_page();
        }
        for page in 0..self.people.pages.len() {
            self.page_moves(page);
        }
        if self.random.per_mille(self.plan.stalls_per_mille) && !self.people.watchers.is_empty() {
            let watcher = self.random.below(self.people.watchers.len() as u64) as usize;
            self.people.watchers[watcher].stalled_until_ms = now_ms + self.random.between(10, 1_000);
        }
    }

    fn open_page(&mut self) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.random.next().to_be_bytes());
        let room = *self.random.pick(&ROOMS);
        // Some keys have several pages.
        let key = format!("guest{}", self.random.below(4));
        let back_ms = Some(self.now());
        let reference = Reference::from_bytes(bytes);
        let (meta, at, cut_ms, may_have_left) = (0, None, 0, false);
        self.people.pages.push(Page { reference, room, key, meta, at, cut_ms, back_ms, may_have_left });
    }

    fn page_moves(&mut self, at: usize) {
        let now_ms = self.now();
        let page = &self.people.pages[at];
        if page.at.is_none() {
            if page.back_ms.is_some_and(|back_ms| back_ms <= now_ms) {
                self.page_opens_stream(at);
            }
            return;
        }
        match self.random.below(1_000) {
            0..15 => {
                self.people.metas += 1;
                let meta = self.people.metas;
                let page = &mut self.people.pages[at];
                if let Some((_, tracked)) = &page.at {
                    page.meta = meta;
                    tracked.update(Payload::of(&meta).expect("a number")).expect("its handle is the last");
                }
                self.log(|| format!("page {at} says {meta}"));
            }
            15..25 => {
                let returns = self.random.per_mille(700);
                self.cut_page(at, returns);
            }
            25..33 => {
                // Its node keeps the old handle for a while, as a node does that has not noticed.
                let until_ms = now_ms + self.random.between(0, STALE_MS_MAX);
                if let Some((node, tracked)) = self.people.pages[at].at.take() {
                    self.people.stale.push((until_ms, node, tracked));
                }
                self.page_opens_stream(at);
            }
            33..36 => {
                self.log(|| format!("page {at} closes"));
                let page = &mut self.people.pages[at];
                (page.may_have_left, page.back_ms) = (true, None);
                page.at.take().into_iter().for_each(|(_, tracked)| tracked.untrack());
            }
            _ => {}
        }
    }

    /// A page's stream ends, for a while or for good.
    fn cut_page(&mut self, at: usize, returns: bool) {
        let (now_ms, after_ms) = (self.now(), self.random.between(0, BACK_MS_MAX));
        self.log(|| format!("page {at} is cut, {}", if returns { "and will be back" } else { "for good" }));
        let page = &mut self.people.pages[at];
        (page.at, page.cut_ms) = (None, now_ms);
        page.may_have_left |= !returns;
        page.back_ms = returns.then_some(now_ms + after_ms);
    }

    fn page_opens_stream(&mut self, at: usize) {
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|node| self.nodes[*node].is_some()).collect();
        let node = *self.random.pick(&alive);
        self.people.metas += 1;
        let meta = self.people.metas;
        self.log(|| format!("page {at} opens its stream at n{node} and says {meta}"));
        let Some(SimulatedNode { hub, .. }) = &self.nodes[node] else { return };
        let page = &mut self.people.pages[at];
        let payload = Payload::of(&meta).expect("a number");
        let tracked = hub.take_over(page.reference, page.room, &page.key, payload).expect("within all limits");
        (page.meta, page.at, page.back_ms) = (meta, Some((node, tracked)), None);
    }

    /// A node has ended, and with it the streams of its pages.
    pub(super) fn people_lose_node(&mut self, node: usize) {
        self.people.stale.retain(|(_, at, _)| *at != node);
        for at in 0..self.people.pages.len() {
            if self.people.pages[at].at.as_ref().is_some_and(|(on, _)| *on == node) {
                let returns = self.random.per_mille(800);
                self.cut_page(at, returns);
            }
        }
    }

    /// From here on nothing goes wrong.
    pub(super) fn people_rest(&mut self) {
        self.people.stale.clear();
        for watcher in &mut self.people.watchers {
            watcher.stalled_until_ms = 0;
        }
        for page in &mut self.people.pages {
            page.back_ms = None;
        }
    }

    /// Those who watch read, on every node; what they are told is checked against what they were told before.
    pub(super) fn people_watch(&mut self) {
        if self.plan.pages == 0 {
            return;
        }
        let (now_ms, nodes) = (self.now(), &self.nodes);
        let epoch = |node: usize| nodes[node].as_ref().map(|node| node.hub.epoch());
        self.people.watchers.retain(|watcher| epoch(watcher.node) == Some(watcher.epoch));
        for (node, SimulatedNode { hub, .. }) in
            nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.as_ref()?)))
        {
            if self.people.watchers.iter().any(|watcher| watcher.node == node) {
                continue;
            }
            for room in ROOMS {
                let changes = hub.presence_changes(room).expect("a plain name");
                let (epoch, list, stalled_until_ms, settled_ms) = (hub.epoch(), None, 0, now_ms + SETTLE_MS);
                self.people.watchers.push(Watcher { node, epoch, room, changes, list, stalled_until_ms, settled_ms });
            }
        }
        let People { watchers, pages, joins, leaves, .. } = &mut self.people;
        for page in &mut *pages {
            page.may_have_left |= page.at.is_none() && page.cut_ms + self.plan.grace_ms <= now_ms;
        }
        for watcher in watchers.iter_mut().filter(|watcher| watcher.stalled_until_ms <= now_ms) {
            let mut context = Context::from_waker(Waker::noop());
            while let Poll::Ready(change) = watcher.changes.poll(&mut context) {
                if self.plan.verbose {
                    println!("{now_ms:>6} ms  who watches {} at n{} is told {change:?}", watcher.room, watcher.node);
                }
                let told = watcher.hear(change).and_then(|(joined, left)| {
                    (*joins, *leaves) = (*joins + joined, *leaves + left.len());
                    let gone = |left: &Reference| pages.iter().find(|page| page.reference == *left);
                    match left.iter().filter_map(gone).find(|page| !page.may_have_left) {
                        Some(page) if self.plan.repairs_in_time && watcher.settled_ms <= now_ms => {
                            Err(Fault(format!("{} left at n{} and was never gone", page.key, watcher.node)))
                        }
                        _ => Ok(()),
                    }
                });
                if let Err(fault) = told {
                    self.fault.get_or_insert(fault);
                }
            }
            let Some(SimulatedNode { hub, .. }) = &self.nodes[watcher.node] else { continue };
            let held = list(hub, watcher.room);
            if watcher.list.as_ref() != Some(&held) {
                let (room, node, told) = (watcher.room, watcher.node, &watcher.list);
                let fault = format!("the diffs of {room} at n{node} come to {told:?}, and its list is {held:?}");
                self.fault.get_or_insert(Fault(fault));
            }
        }
    }

    /// At rest every node lists exactly the pages that are open, and it came to that by what it was told in order.
    pub(super) fn check_people(&self) -> Result<(), Fault> {
        for SimulatedNode { hub, .. } in self.nodes.iter().flatten() {
            let differed = hub.shared.presence(|core, _| core.differed);
            if differed > 0 {
                return Err(Fault(format!("{} had {differed} times not what a node had told", hub.node_name())));
            }
            for room in ROOMS {
                let open = self.people.pages.iter().filter(|page| page.room == room && page.at.is_some());
                let entry = |page: &Page| {
                    let meta = Payload::of(&page.meta).expect("a number");
                    ((Arc::from(page.key.as_str()), page.reference), (meta, false))
                };
                let (open, held): (List, _) = (open.map(entry).collect(), list(hub, room));
                if open != held {
                    let node = hub.node_name();
                    return Err(Fault(format!("{node} lists {held:?} in {room}, and open are {open:?}")));
                }
            }
        }
        Ok(())
    }

    pub(super) fn people_summary(&self) -> String {
        let People { pages, joins, leaves, .. } = &self.people;
        format!("{} pages, {joins} joins and {leaves} leaves told", pages.len())
    }
}

impl Watcher {
    /// Applies what is told; how many joined, and who left.
    fn hear(&mut self, change: PresenceChange) -> Result<(usize, Vec<Reference>), Fault> {
        let (joins, leaves) = match change {
            PresenceChange::List(all) => {
                let all = all.into_iter().map(|one| ((one.key, one.reference), (one.meta, one.is_fading)));
                let all: List = all.collect();
                let before = self.list.take().unwrap_or_default();
                let left = before.into_keys().filter(|place| !all.contains_key(place)).map(|(_, left)| left).collect();
                let joined = all.len();
                self.list = Some(all);
                return Ok((joined, left));
            }
            PresenceChange::Diff { joins, leaves } => (joins, leaves),
        };
        let Some(list) = &mut self.list else { return Err(Fault("a diff came before the list".to_owned())) };
        let joined = joins.len();
        let mut left = Vec::new();
        for one in leaves {
            if list.remove(&(one.key.clone(), one.reference)) != Some((one.meta.clone(), one.is_fading)) {
                return Err(Fault(format!("{one:?} left, and had not joined so")));
            }
            left.push(one.reference);
        }
        for one in joins {
            left.retain(|reference| *reference != one.reference);
            if list.insert((one.key.clone(), one.reference), (one.meta.clone(), one.is_fading)).is_some() {
                return Err(Fault(format!("{one:?} joined twice")));
            }
        }
        Ok((joined, left))
    }
}
