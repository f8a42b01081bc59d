//! What a hub says of a name that is none: the segment, and the rule.

use tidings::{
    Hub, Payload,
    wire::{Keep, State, Topic, topics},
};

topics! { CHAT(room: String): State<String> = "chat/{room}"; }

/// A wrong name, and what has to stand in the error.
const WRONG: [(&str, &str, &str); 8] = [
    ("", "empty", "segments separated by `/`"),
    ("a//b", "segment 2", "neither begins nor ends with `/`"),
    ("a/b/", "segment 3", "neither begins nor ends with `/`"),
    ("a/b c", "segment 2", "allowed are A-Z a-z 0-9 _ . - and ~XX"),
    ("a/~41", "segment 2", "two upper-case hex digits of a byte that is not plain"),
    ("a/../b", "segment 2", "write `~2E` or `~2E~2E`"),
    ("a/b*", "segment 2", "stands alone for one segment, and `**` only at the end"),
    ("1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", "17 segments", "at most 16 are allowed"),
];

fn says(error: impl std::fmt::Display, name: &str, segment: &str, rule: &str) {
    let text = error.to_string();
    assert!(text.contains(segment) && text.contains(rule), "{name:?}: {text}");
}

#[tokio::test]
async fn every_way_into_the_hub_names_the_segment_and_the_rule() {
    let hub = Hub::solo("alpha").unwrap();
    let payload = || Payload::of(&1).unwrap();
    for (name, segment, rule) in WRONG {
        says(hub.subscribe(name).unwrap_err(), name, segment, rule);
        says(hub.broadcast(name, payload()).unwrap_err(), name, segment, rule);
        says(hub.broadcast_from("me", name, payload()).unwrap_err(), name, segment, rule);
        says(hub.local_broadcast(name, payload()).unwrap_err(), name, segment, rule);
        says(hub.clear(name).unwrap_err(), name, segment, rule);
    }
    assert!(hub.topics().is_empty(), "what is refused leaves nothing behind");
    says(Hub::solo("al/pha").unwrap_err(), "al/pha", "segment 1", "allowed are A-Z a-z 0-9 _ . -");
}

#[tokio::test]
async fn a_wildcard_is_no_name_to_publish_to() {
    let hub = Hub::solo("alpha").unwrap();
    let refused = hub.broadcast("chat/*", Payload::of(&1).unwrap()).unwrap_err();
    says(refused, "chat/*", "segment 2", "the name of one topic, not a pattern");
}

#[tokio::test]
async fn a_parameter_that_is_too_long_is_told_where_it_is_used() {
    let hub = Hub::solo("alpha").unwrap();
    let refused = hub.publish(&CHAT.at("é".repeat(200)), &"hello".to_owned()).unwrap_err();
    says(refused, "chat/…", "1205 bytes", "at most 512 are allowed");
}

#[test]
fn a_declaration_holds_a_name_and_a_limit_and_no_rule() {
    // What the browser is given of a topic is what this type holds: there is no room in it for a rule.
    type Chat = Topic<State<String>, (String,)>;
    assert_eq!(size_of::<Chat>(), size_of::<(&str, Keep)>());
    assert!(!std::mem::needs_drop::<Chat>());
    assert_eq!(CHAT.template(), "chat/{room}");
}
