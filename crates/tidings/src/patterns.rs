//! Which topics a pattern names, and who listens to patterns.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Bound,
    str::Split,
    sync::{Arc, atomic::Ordering},
};

use slab::Slab;
use tidings_wire::{Pattern, TopicName};

use crate::{
    lock,
    mailbox::{Hidden, Mailbox, Marked},
    sync::{AtomicUsize, Mutex},
    topic::Topic,
};

/// Topics that are looked at under one lock when a pattern is listed: a topic that begins waits for no more.
const LISTED_AT_ONCE: usize = 256;

/// The patterns of a node.
///
/// A topic is *introduced* once, when the first message on it is marked: each shard then looks for the patterns of its
/// readers that match, and puts the topic into their mailboxes. A publish to a topic that is known looks at nothing
/// here.
pub(crate) struct Patterns {
    /// All topics by name, so that those of a pattern, which begin alike, lie together. Written under the log's lock,
    /// where a topic begins or is forgotten; locked for some hundred names at most.
    names: Mutex<BTreeMap<TopicName, Arc<Topic>>>,
    /// For each shard, who listens. Mailboxes are locked under it, nothing else.
    shards: Box<[Mutex<Node>]>,
    /// All listeners: where there is none, a topic begins without being introduced.
    count: AtomicUsize,
}

/// The patterns that begin alike. A trie over segments, and not a list: a topic that begins finds the three boards'
/// patterns that match among those of thousands of pages.
#[derive(Default)]
struct Node {
    /// By the next segment; `*` and `**` are keys as any other, for no name holds them.
    next: HashMap<Box<str>, Node>,
    /// Who listens to the pattern that ends here.
    listeners: Slab<Listener>,
}

struct Listener {
    mailbox: Arc<Mailbox>,
    /// The reader's number of its pattern.
    hold: u32,
}

impl Patterns {
    pub(crate) fn new(shards: usize) -> Self {
        let shards = (0..shards).map(|_| Mutex::default()).collect();
        Self { names: Mutex::default(), shards, count: AtomicUsize::new(0) }
    }

    /// Whether a topic that begins has to be introduced. Under the log's lock, as is [`listen`](Self::listen).
    pub(crate) fn are_heard(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Adds a listener; the key takes it away again. Under the log's lock: a topic that begins later is introduced to
    /// it, one that began before is [listed](Self::list).
    pub(crate) fn listen(&self, pattern: &Pattern, mailbox: &Arc<Mailbox>, hold: u32) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut root = lock(&self.shards[mailbox.shard]);
        let mut node = &mut *root;
        for segment in pattern.segments() {
            node = node.next.entry(segment.into()).or_default();
        }
        node.listeners.insert(Listener { mailbox: mailbox.clone(), hold })
    }

    pub(crate) fn unlisten(&self, pattern: &Pattern, shard: usize, key: usize) {
        // Dropped after the lock.
        let _listener = lock(&self.shards[shard]).remove(&mut pattern.segments(), key);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }

    /// Puts a topic into the mailboxes of a shard's readers whose patterns match; those that have to be woken are
    /// handed out. A mailbox holds at most so many.
    pub(crate) fn introduce(&self, shard: usize, topic: &Arc<Topic>, most: usize, round: u64, marked: &mut Marked) {
        let root = lock(&self.shards[shard]);
        root.visit(topic.name.as_str().split('/'), &mut |listener| {
            if listener.mailbox.introduce(listener.hold, topic, most, round) {
                marked.push(listener.mailbox.clone());
            }
        });
    }

    /// Tells all listeners what may be hidden from them; they are handed out, to be woken.
    pub(crate) fn hide(&self, hidden: Hidden, mut each: impl FnMut(&Arc<Mailbox>)) {
        for shard in &self.shards {
            lock(shard).walk(&mut |listener| {
                listener.mailbox.hide(hidden);
                each(&listener.mailbox);
            });
        }
    }

    /// Whether some reader listens to just this pattern.
    pub(crate) fn is_held(&self, pattern: &Pattern) -> bool {
        self.shards.iter().any(|shard| {
            let root = lock(shard);
            let node = pattern.segments().try_fold(&*root, |node, segment| node.next.get(segment));
            node.is_some_and(|node| !node.listeners.is_empty())
        })
    }

    /// A topic begins.
    pub(crate) fn begin(&self, topic: &Arc<Topic>) {
        lock(&self.names).insert(topic.name.clone(), topic.clone());
    }

    /// A topic is forgotten.
    pub(crate) fn forget(&self, topic: &TopicName) {
        lock(&self.names).remove(topic);
    }

    /// All topics that a pattern names, by name, until `each` answers false; it is called without a lock.
    pub(crate) fn list(&self, pattern: &Pattern, mut each: impl FnMut(Arc<Topic>) -> bool) {
        let (mut after, mut some) = (None, Vec::new());
        loop {
            let more = self.list_some(pattern, &mut after, &mut some);
            if !some.drain(..).all(&mut each) || !more {
                return;
            }
        }
    }

    /// The next topics after a name; says whether there may be more. Between two calls topics may begin and be
    /// forgotten.
    fn list_some(&self, pattern: &Pattern, after: &mut Option<TopicName>, some: &mut Vec<Arc<Topic>>) -> bool {
        let prefix = pattern.prefix();
        let names = lock(&self.names);
        let from = after.as_ref().map_or(Bound::Included(prefix), |after| Bound::Excluded(after.as_str()));
        let mut alike = names.range::<str, _>((from, Bound::Unbounded)).take_while(|(name, _)| {
            let name: &str = name.as_str();
            name.starts_with(prefix)
        });
        for (name, topic) in alike.by_ref().take(LISTED_AT_ONCE) {
            if pattern.matches(name) {
                some.push(topic.clone());
            }
            *after = Some(name.clone());
        }
        alike.next().is_some()
    }
}

impl Node {
    /// Calls for everyone whose pattern names a topic with these segments.
    fn visit(&self, mut segments: Split<'_, char>, each: &mut impl FnMut(&Listener)) {
        let Some(segment) = segments.next() else {
            return self.listeners.iter().for_each(|(_, listener)| each(listener));
        };
        if let Some(rest) = self.next.get("**") {
            rest.listeners.iter().for_each(|(_, listener)| each(listener));
        }
        for key in ["*", segment] {
            if let Some(next) = self.next.get(key) {
                next.visit(segments.clone(), each);
            }
        }
    }

    /// Calls for everyone.
    fn walk(&self, each: &mut impl FnMut(&Listener)) {
        self.listeners.iter().for_each(|(_, listener)| each(listener));
        self.next.values().for_each(|next| next.walk(each));
    }

    /// Takes a listener out, and with it the nodes that nobody needs any more.
    fn remove<'a>(&mut self, segments: &mut impl Iterator<Item = &'a str>, key: usize) -> Option<Listener> {
        let Some(segment) = segments.next() else { return self.listeners.try_remove(key) };
        let next = self.next.get_mut(segment)?;
        let listener = next.remove(segments, key);
        if next.next.is_empty() && next.listeners.is_empty() {
            self.next.remove(segment);
        }
        listener
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").field("listeners", &self.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidings_wire::{Cursor, Keep, TopicKind};

    use super::*;
    use crate::{Limits, ring::Ring};

    fn topic(name: &str) -> Arc<Topic> {
        let ring = Ring::new(TopicKind::Signal, Keep::SIGNAL, &Limits::default(), Arc::default(), Cursor::default());
        Arc::new(Topic::new(TopicName::new(name).unwrap(), ring, 1, true))
    }

    fn patterns() -> impl Strategy<Value = Pattern> {
        let segments = prop::collection::vec(prop_oneof!["a", "b", Just("*".to_owned())], 1..4);
        (segments, any::<bool>()).prop_map(|(mut segments, rest)| {
            if rest {
                segments.push("**".to_owned());
            }
            Pattern::new(&segments.join("/")).unwrap()
        })
    }

    fn names() -> impl Strategy<Value = TopicName> {
        prop::collection::vec("[ab]", 1..5).prop_map(|segments| TopicName::new(&segments.join("/")).unwrap())
    }

    proptest! {
        #[test]
        fn the_trie_finds_what_a_walk_finds(
            held in prop::collection::vec((patterns(), any::<bool>()), 0..12),
            name in names(),
        ) {
            let node = Patterns::new(1);
            let mailbox = Arc::new(Mailbox::new(0));
            let keys: Vec<_> =
                held.iter().zip(0..).map(|((pattern, _), hold)| node.listen(pattern, &mailbox, hold)).collect();
            for ((pattern, stays), key) in held.iter().zip(&keys) {
                if !stays { node.unlisten(pattern, 0, *key); }
            }
            node.introduce(0, &topic(name.as_str()), usize::MAX, 1, &mut Marked::default());
            let (mut marks, mut found) = (Vec::new(), Vec::new());
            prop_assert_eq!(mailbox.take(&mut marks, &mut found), crate::mailbox::OfPatterns::default());
            let mut found: Vec<_> = found.iter().map(|found| found.hold as usize).collect();
            found.sort_unstable();
            let walked: Vec<_> =
                (0..held.len()).filter(|at| held[*at].1 && held[*at].0.matches(&name)).collect();
            prop_assert_eq!(found, walked);
            prop_assert_eq!(node.are_heard(), held.iter().any(|(_, stays)| *stays));
            for ((pattern, stays), key) in held.iter().zip(keys) {
                if *stays { node.unlisten(pattern, 0, key); }
            }
            prop_assert!(lock(&node.shards[0]).next.is_empty(), "nothing is left of patterns that nobody holds");
        }

        #[test]
        fn the_list_finds_what_a_walk_finds(
            pattern in patterns(),
            names in prop::collection::btree_set(names(), 0..30),
        ) {
            let node = Patterns::new(1);
            names.iter().for_each(|name| node.begin(&topic(name.as_str())));
            let mut listed = Vec::new();
            node.list(&pattern, |topic| { listed.push(topic.name.clone()); true });
            let walked: Vec<_> = names.into_iter().filter(|name| pattern.matches(name)).collect();
            prop_assert_eq!(listed, walked);
        }
    }

    #[test]
    fn a_long_list_comes_in_pieces() {
        let node = Patterns::new(1);
        (0..3 * LISTED_AT_ONCE).for_each(|number| node.begin(&topic(&format!("a/{number}/x"))));
        (0..10).for_each(|number| node.begin(&topic(&format!("b/{number}/x"))));
        let listed = |pattern: &str, most: usize| {
            let mut listed = 0;
            node.list(&Pattern::new(pattern).unwrap(), |_| {
                listed += 1;
                listed < most
            });
            listed
        };
        assert_eq!(listed("a/*/x", usize::MAX), 3 * LISTED_AT_ONCE);
        assert_eq!(listed("**", usize::MAX), 3 * LISTED_AT_ONCE + 10);
        assert_eq!(listed("a/**", 300), 300, "it ends where it is told to");
        node.forget(&TopicName::new("b/3/x").unwrap());
        assert_eq!(listed("b/*/x", usize::MAX), 9);
    }
}
