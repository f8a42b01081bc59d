//! First paint: how a component reads the hub while a page is rendered for somebody.

use std::sync::Arc;

use tidings::{
    Entry, Principal,
    wire::{
        Cursor, Paint, Painted, PaintedItem, PaintedPresent, Pattern, SharedPaint, TopicKind, TopicName, Want,
        live::PAGE_TOPICS_MAX,
    },
};

use crate::Live;

/// Reads the hub for one principal.
struct HubPaint {
    live: Live,
    who: Principal,
}

pub(crate) fn of(live: Live, who: Principal) -> SharedPaint {
    Arc::new(HubPaint { live, who })
}

impl Paint for HubPaint {
    fn build(&self) -> String {
        self.live.options().build.clone()
    }

    fn paint(&self, topic: &TopicName, want: Want) -> Option<Painted> {
        // What somebody may not read is not in the page that is rendered for them.
        if !self.live.may_read(&self.who, topic) {
            return None;
        }
        let most = match want {
            Want::Newest => 1,
            Want::Last(most) => most,
        };
        let hub = self.live.hub();
        let snapshot = hub.snapshot(topic, most);
        let items = snapshot.entries.iter().filter_map(|entry| painted(None, entry)).collect();
        Some(Painted { topic: topic.into(), items, cursor: snapshot.cursor, now_ms: hub.now_ms() })
    }

    fn paint_all(&self, pattern: &Pattern) -> Option<Painted> {
        let hub = self.live.hub();
        // The cursor is taken first: what is published while values are read is read or told again, and a value that is
        // told twice is the same one.
        let cursor: Cursor = hub.cursor().parse().ok()?;
        let topics = hub.topics_of(pattern).into_iter().filter(|info| info.kind == TopicKind::State);
        let readable = topics.map(|info| info.topic).filter(|topic| self.live.may_read(&self.who, topic));
        let items = readable.filter_map(|topic| {
            let snapshot = hub.snapshot(&topic, 1);
            painted(Some(topic), snapshot.entries.first()?)
        });
        let items = items.take(PAGE_TOPICS_MAX).collect();
        Some(Painted { topic: pattern.clone(), items, cursor, now_ms: hub.now_ms() })
    }

    fn paint_present(&self, topic: &TopicName) -> Option<PaintedPresent> {
        let may_see = self.live.may_see_presences(&self.who, topic);
        may_see.then(|| PaintedPresent { topic: topic.clone(), entries: self.live.present(topic) })
    }
}

fn painted(topic: Option<TopicName>, entry: &Entry) -> Option<PaintedItem> {
    let data = serde_json::from_str(entry.payload.as_ref()?.as_str()).ok()?;
    Some(PaintedItem { topic, version: entry.version, stamp: entry.stamp, data })
}
