//! What a peer says of itself, and what it asks for.

use tidings_wire::{NodeName, OriginTag};

use super::{Beat, Frame, Holds, Send, handle::Outcome, raise, serve};
use crate::{
    log::{NodeLog, Now},
    plant::{Plant, planted},
};

impl NodeLog {
    /// A frame of this start of a node has come.
    pub(super) fn heard(&mut self, node: &NodeName, epoch: u64, origin: OriginTag) {
        let Some(cluster) = &mut self.cluster else { return };
        cluster.members.heard(node, epoch);
        if let Some(peer) = cluster.peers.get_mut(node) {
            peer.origin = Some(origin);
        }
        let back = cluster.origins.is_back(origin);
        if let Some(has) = back {
            self.decide(origin, has);
        }
    }

    /// A peer tells where it stands.
    pub(super) fn heard_beat(
        &mut self,
        now: Now,
        cursor_age_s: u64,
        node: &NodeName,
        origin: OriginTag,
        beat: Beat,
        outcome: &mut Outcome,
    ) {
        let me = self.me();
        self.heard_of_origins(now, cursor_age_s, &beat);
        let applied = beat.applied.iter().chain(&beat.retired).map(|(tag, stamp)| (OriginTag::from(*tag), *stamp));
        let Some(cluster) = &mut self.cluster else { return };
        let Some(peer) = cluster.peers.get_mut(node) else { return };
        let had = peer.has(me);
        for (origin, stamp) in applied {
            raise(&mut peer.applied, origin, stamp);
            raise(&mut cluster.most_told, origin, stamp);
        }
        // Somebody may wait for it, or for what was told first.
        outcome.news |= peer.has(me) > had || peer.interest.is_none();
        if let Some(wants) = beat.wants
            && peer.interest.as_ref().is_none_or(|known| known.version < wants.version)
        {
            // From what it has, on a new link; from what it was sent last, on one that stands: what lies above is
            // filtered by this.
            let has = peer.has(me);
            peer.filtered_from = *peer.sent.get_or_insert(has);
            peer.interest = Some(wants);
            cluster.beat_to.insert(node.clone());
        }
        let Some(peer) = cluster.peers.get_mut(node) else { return };
        if let Some((version, stamp)) = beat.heard
            && peer.heard != Some(version)
        {
            cluster.needs.answered(origin, version, stamp);
        }
        peer.heard = beat.heard.map(|(version, _)| version);
        let told: Vec<_> = peer.applied.iter().map(|(origin, stamp)| (*origin, *stamp)).collect();
        let head = peer.has(origin);
        if planted(Plant::VectorJumpsAtBeat) {
            self.decide(origin, head.max(self.has(origin)));
        }
        // Of what this peer has; a tick looks at all of them.
        let is_more = |(origin, stamp): &(OriginTag, u64)| *origin != me && *stamp > self.has(*origin);
        let more: Vec<_> = told.into_iter().filter(is_more).map(|(origin, _)| origin).collect();
        self.ask_for(now, more, &mut outcome.send);
    }

    /// Which origins a peer's cursors list, and for how long each has been dead.
    fn heard_of_origins(&mut self, now: Now, cursor_age_s: u64, beat: &Beat) {
        for (tag, _) in &beat.retired {
            self.unlisted_elsewhere((*tag).into(), now.wall_s() + cursor_age_s);
        }
        for (tag, _) in &beat.applied {
            let dead_ms = beat.dead.iter().find(|(dead, _)| dead == tag).map_or(0, |(_, dead_ms)| *dead_ms);
            self.told_dead(now, cursor_age_s, (*tag).into(), dead_ms);
        }
    }

    /// A peer asks for what an origin published above a stamp.
    pub(super) fn need(&mut self, now: Now, node: &NodeName, origin: OriginTag, have: u64, send: &mut Vec<Send>) {
        if origin != self.me() {
            self.serve(now, node, origin, have, send);
        } else if let Some(peer) = self.peer(node).filter(|_| !planted(Plant::NeedNotServed)) {
            peer.sent = Some(have);
            // The answer decides the whole range, also where the peer needs nothing of it.
            if let Some(cluster) = &mut self.cluster {
                cluster.beat_to.insert(node.clone());
            }
        }
    }

    /// Sends what this node holds of another origin above a stamp.
    pub(super) fn serve(&self, now: Now, node: &NodeName, origin: OriginTag, have: u64, send: &mut Vec<Send>) {
        let to = self.has(origin);
        if to <= have {
            return;
        }
        let (entries, gone) = self.walk_rings(now, origin, have, to);
        if gone.deletions > have {
            send.push(Send::one(node.clone(), Frame::Holds(self.holds())));
        }
        let frames = serve::frames(origin, have, to, entries.into_iter(), gone).into_iter();
        send.extend(frames.map(|data| Send::one(node.clone(), Frame::Data(data))));
    }

    /// Says whether there is anything that some peer has and this node has not.
    pub(super) fn ask_for_what_lacks(&mut self, now: Now, send: &mut Vec<Send>) -> bool {
        let Some(cluster) = &self.cluster else { return false };
        let lacking = cluster.lacking(self.me(), |origin| self.has(origin));
        let lacks = !lacking.is_empty();
        self.ask_for(now, lacking, send);
        lacks
    }

    /// Asks for more of each origin than is here, where that was not done just now.
    fn ask_for(&mut self, now: Now, origins: impl IntoIterator<Item = OriginTag>, send: &mut Vec<Send>) {
        for origin in origins {
            let have = self.has(origin);
            send.extend(self.cluster.as_mut().and_then(|cluster| cluster.ask(now, origin, have)));
        }
    }

    /// Tells the peers that wait for it that what they published is applied here.
    pub(super) fn confirm(&mut self, origin: OriginTag) {
        let has = self.has(origin);
        let Some(cluster) = &mut self.cluster else { return };
        for (node, peer) in &mut cluster.peers {
            if peer.origin == Some(origin) && peer.confirm.is_some_and(|stamp| stamp <= has) {
                peer.confirm = None;
                cluster.beat_to.insert(node.clone());
            }
        }
    }

    /// A peer has listed the State topics that it holds.
    pub(super) fn listed(&mut self, now: Now, node: &NodeName, holds: &Holds) -> bool {
        let Some(peer) = self.peer(node) else { return false };
        peer.listed = holds.applied.iter().map(|(tag, stamp)| (OriginTag::from(*tag), *stamp)).collect();
        self.delete_unlisted(now, holds)
    }

    /// Whether a peer has listed its State topics after it applied that much of an origin.
    pub(super) fn has_listed(&mut self, node: &NodeName, origin: OriginTag, stamp: u64) -> bool {
        self.peer(node).is_some_and(|peer| peer.listed.get(&origin).is_some_and(|listed| *listed >= stamp))
    }
}
