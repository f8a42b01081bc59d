//! What a page makes of what all nodes tell: who is there, in whose eyes, and where to draw it.

use std::{
    collections::{BTreeMap, BTreeSet},
    f64::consts::TAU,
};

use tidings_wire::NodeName;

use super::told::{Fare, Sees};

/// A node that has been gone for longer is shown no more: where nodes get a new name with each start, the page would fill
/// with those that were.
pub(crate) const GONE_MS: u64 = 3_600_000;

/// What each node told last.
pub(crate) type Told = BTreeMap<NodeName, Sees>;

/// A node as the page shows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeView {
    pub(crate) node: NodeName,
    pub(crate) fare: Fare,
    /// Since when it fares so; `None` of the node that serves the page.
    pub(crate) since_ms: Option<u64>,
    pub(crate) reason: Option<String>,
    /// Who says so; `None` where the node itself is whom the page asks.
    pub(crate) witness: Option<NodeName>,
}

/// One direction between two nodes, as its sender tells it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinkView {
    pub(crate) from: NodeName,
    pub(crate) to: NodeName,
    pub(crate) fare: Fare,
    pub(crate) since_ms: u64,
    pub(crate) reason: Option<String>,
    pub(crate) round_trip_ms: Option<f32>,
    /// Messages that were sent from telling to telling, and as a rate.
    pub(crate) sent: u64,
    pub(crate) per_s: Option<f64>,
    /// The sender is up: what it told is of now.
    pub(crate) is_current: bool,
}

/// Every node of which anybody has told, by name.
///
/// The node that serves the page is asked first, for what it sees is what the page gets; of a node that it has not seen
/// since it began, those that it reaches are asked, and then anybody. Who has been gone for an hour is left out.
pub(crate) fn nodes(told: &Told, serving: &NodeName, now_ms: u64) -> Vec<NodeView> {
    let mentioned = told.values().flat_map(|sees| sees.others.iter().map(|seen| &seen.node));
    let names: BTreeSet<&NodeName> = told.keys().chain(mentioned).chain([serving]).collect();
    let is_gone = |view: &NodeView| {
        let since_ms = view.since_ms.filter(|_| view.fare != Fare::Up);
        since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) > GONE_MS)
    };
    names.into_iter().map(|node| view(told, serving, node)).filter(|view| !is_gone(view)).collect()
}

fn view(told: &Told, serving: &NodeName, node: &NodeName) -> NodeView {
    if node == serving {
        return NodeView { node: node.clone(), fare: Fare::Up, since_ms: None, reason: None, witness: None };
    }
    let first = told.get(serving).map(|sees| (serving, sees));
    let reaches =
        |name: &NodeName| first.is_some_and(|(_, sees)| sees.of(name).is_some_and(|seen| seen.fare == Fare::Up));
    // A dead node's last word still lies there: it is asked last, and itself never.
    let (near, far): (Vec<_>, Vec<_>) =
        told.iter().filter(|(name, _)| *name != node && *name != serving).partition(|(name, _)| reaches(name));
    let seen = first.into_iter().chain(near).chain(far).find_map(|(name, sees)| Some((name, sees.of(node)?)));
    match seen {
        Some((witness, seen)) => NodeView {
            node: node.clone(),
            fare: seen.fare,
            since_ms: Some(seen.since_ms),
            reason: seen.reason.clone(),
            witness: Some(witness.clone()),
        },
        None => NodeView {
            node: node.clone(),
            fare: Fare::Down,
            since_ms: None,
            reason: Some("no node has reached it".to_owned()),
            witness: None,
        },
    }
}

/// Every direction of which its sender has told, by sender and receiver.
pub(crate) fn links(told: &Told, nodes: &[NodeView]) -> Vec<LinkView> {
    let is_shown = |name: &NodeName| nodes.iter().any(|view| view.node == *name);
    let is_up = |name: &NodeName| nodes.iter().any(|view| view.node == *name && view.fare == Fare::Up);
    let of = |(from, sees): (&NodeName, &Sees)| -> Vec<LinkView> {
        let is_current = is_up(from);
        let link = |seen: &super::told::Seen| LinkView {
            from: from.clone(),
            to: seen.node.clone(),
            fare: seen.fare,
            since_ms: seen.since_ms,
            reason: seen.reason.clone(),
            round_trip_ms: seen.round_trip_ms,
            sent: seen.sent,
            per_s: sees.per_s(seen.sent),
            is_current,
        };
        sees.others.iter().filter(|seen| is_shown(&seen.node)).map(link).collect()
    };
    let mut all: Vec<_> = told.iter().filter(|(from, _)| is_shown(from)).flat_map(of).collect();
    all.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
    all
}

/// Where to draw so many nodes: one in the middle, more on an ellipse, the first at the top, or two side by side.
pub(crate) fn places(count: usize, (wide, high): (f64, f64), (reach_x, reach_y): (f64, f64)) -> Vec<(f64, f64)> {
    let (x, y) = (wide / 2.0, high / 2.0);
    if count < 2 {
        return vec![(x, y); count];
    }
    let first = if count == 2 { TAU / 2.0 } else { -TAU / 4.0 };
    let place = |at: usize| {
        let angle = first + TAU * at as f64 / count as f64;
        // Tenths are enough for a picture, and the same on server and browser.
        let round = |number: f64| (number * 10.0).round() / 10.0;
        (round(x + reach_x * angle.cos()), round(y + reach_y * angle.sin()))
    };
    (0..count).map(place).collect()
}

/// How many dots to draw for so many messages, at most so many; whether each stands for one.
pub(crate) fn dots(sent: u64, most: u64) -> (u64, bool) {
    (sent.min(most), sent <= most)
}

#[cfg(test)]
mod tests {
    use super::super::told::Seen;
    use super::*;

    fn name(name: &str) -> NodeName {
        name.parse().unwrap()
    }

    fn seen(node: &str, fare: Fare, since_ms: u64) -> Seen {
        let (round_trip_ms, reason) = (Some(0.5), (fare == Fare::Down).then(|| "the link ended".to_owned()));
        Seen { node: name(node), epoch: Some(1), fare, reason, since_ms, round_trip_ms, sent: 3 }
    }

    fn sees(others: Vec<Seen>) -> Sees {
        Sees { epoch: 1, over_ms: 1_500, others, ..Sees::default() }
    }

    fn fares(told: &Told, serving: &str) -> Vec<(String, Fare, Option<u64>)> {
        let all = nodes(told, &name(serving), 0);
        all.into_iter().map(|view| (view.node.to_string(), view.fare, view.since_ms)).collect()
    }

    #[test]
    fn a_lone_node_is_up_before_it_has_told_anything() {
        assert_eq!(fares(&Told::new(), "alpha"), [("alpha".to_owned(), Fare::Up, None)]);
    }

    #[test]
    fn the_node_that_serves_the_page_is_asked_first() {
        let told = Told::from([
            (name("alpha"), sees(vec![seen("beta", Fare::Down, 10), seen("gamma", Fare::Up, 5)])),
            (name("beta"), sees(vec![seen("alpha", Fare::Up, 1), seen("gamma", Fare::Up, 1)])),
            (name("gamma"), sees(vec![seen("alpha", Fare::Up, 6), seen("beta", Fare::Up, 7)])),
        ]);
        let (alpha, beta, gamma) = ("alpha".to_owned(), "beta".to_owned(), "gamma".to_owned());
        assert_eq!(
            fares(&told, "alpha"),
            [(alpha.clone(), Fare::Up, None), (beta.clone(), Fare::Down, Some(10)), (gamma.clone(), Fare::Up, Some(5))]
        );
        // The link between those two is cut; gamma reaches both.
        assert_eq!(
            fares(&told, "gamma"),
            [(alpha, Fare::Up, Some(6)), (beta, Fare::Up, Some(7)), (gamma, Fare::Up, None)]
        );
        let down = nodes(&told, &name("alpha"), 0).remove(1);
        assert_eq!((down.reason.as_deref(), down.witness), (Some("the link ended"), Some(name("alpha"))));
    }

    #[test]
    fn of_a_node_that_the_server_never_saw_the_living_are_asked_before_the_dead() {
        let told = Told::from([
            (name("alpha"), sees(vec![seen("beta", Fare::Down, 10), seen("delta", Fare::Up, 5)])),
            (name("beta"), sees(vec![seen("gamma", Fare::Up, 1)])),
            (name("delta"), sees(vec![seen("gamma", Fare::Left, 20)])),
        ]);
        assert_eq!(fares(&told, "alpha")[3], ("gamma".to_owned(), Fare::Left, Some(20)));
        // What a node tells of itself from before its death says nothing of now.
        let told = Told::from([(name("alpha"), sees(vec![])), (name("beta"), sees(vec![]))]);
        assert_eq!(fares(&told, "alpha")[1], ("beta".to_owned(), Fare::Down, None));
    }

    #[test]
    fn who_is_gone_for_an_hour_is_shown_no_more() {
        let told = Told::from([
            (name("alpha"), sees(vec![seen("beta", Fare::Left, 10), seen("gamma", Fare::Up, 10)])),
            (name("gamma"), sees(vec![seen("alpha", Fare::Up, 10), seen("beta", Fare::Left, 10)])),
        ]);
        let shown = |now_ms| {
            let nodes = nodes(&told, &name("alpha"), now_ms);
            (nodes.len(), links(&told, &nodes).len())
        };
        assert_eq!([10 + GONE_MS, 11 + GONE_MS].map(shown), [(3, 4), (2, 2)]);
    }

    #[test]
    fn links_say_what_was_sent_and_whether_that_is_of_now() {
        let told = Told::from([
            (name("alpha"), sees(vec![seen("beta", Fare::Down, 10)])),
            (name("beta"), sees(vec![seen("alpha", Fare::Up, 1)])),
        ]);
        let links = links(&told, &nodes(&told, &name("alpha"), 0));
        let row = |link: &LinkView| (link.from.to_string(), link.to.to_string(), link.per_s, link.is_current);
        assert_eq!(
            links.iter().map(row).collect::<Vec<_>>(),
            [
                ("alpha".to_owned(), "beta".to_owned(), Some(2.0), true),
                ("beta".to_owned(), "alpha".to_owned(), Some(2.0), false)
            ]
        );
        assert_eq!(Sees::default().per_s(3), None);
    }

    #[test]
    fn nodes_have_places_of_their_own_inside_the_picture() {
        assert_eq!(places(1, (400.0, 300.0), (140.0, 100.0)), [(200.0, 150.0)]);
        assert_eq!(places(2, (400.0, 300.0), (140.0, 100.0)), [(60.0, 150.0), (340.0, 150.0)]);
        for count in 3..=16 {
            let places = places(count, (400.0, 300.0), (140.0, 100.0));
            assert_eq!(places[0], (200.0, 50.0));
            for (at, (x, y)) in places.iter().enumerate() {
                assert!((60.0..=340.0).contains(x) && (50.0..=250.0).contains(y));
                assert!(!places[..at].contains(&(*x, *y)));
            }
        }
    }

    #[test]
    fn many_messages_are_sampled() {
        assert_eq!([0, 6, 7, 1_000].map(|sent| dots(sent, 6)), [(0, true), (6, true), (6, false), (6, false)]);
    }
}
