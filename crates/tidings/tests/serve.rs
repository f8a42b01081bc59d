//! What a hub serves to the outside: closed until a rule opens it, checked, and untouched by what it refuses.

mod support;

use serde::{Deserialize, Serialize};
use support::{HandClock, name, said, within};
use tidings::{
    Delivery, Hub, Principal, PublishError, PublishOptions, WriteError, anyone,
    wire::{Events, State, TopicKind, topics},
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Title {
    text: String,
}

topics! {
    TITLE(board: u32): State<Title> = "board/{board}/title";
    TALK(room: String): Events<u64> = "talk/{room}";
    /// The same names as a narrower family of TALK.
    LOBBY: Events<u64> = "talk/lobby";
}

fn hub() -> Hub {
    Hub::builder("alpha").unwrap().clock(HandClock::default()).limits(|limits| limits.payload_bytes_max = 40).build()
}

fn ada() -> Principal {
    Principal::named("ada")
}

fn write(hub: &Hub, who: &Principal, topic: &str, body: &str) -> Result<(), WriteError> {
    hub.write(who, &name(topic), body, PublishOptions::default()).map(|_| ())
}

#[tokio::test]
async fn what_is_served_is_closed_until_a_rule_opens_it() {
    let hub = hub();
    hub.serve(TITLE);
    let topic = name("board/7/title");
    assert!(!hub.may_read(&ada(), &topic) && !hub.may_write(&ada(), &topic));
    assert!(matches!(write(&hub, &ada(), "board/7/title", r#"{"text":"a"}"#), Err(WriteError::Forbidden { .. })));
    hub.serve(TITLE).read(anyone);
    assert!(hub.may_read(&ada(), &topic) && !hub.may_write(&ada(), &topic), "reading opens no writing");
    hub.serve(TITLE).write(anyone);
    assert!(!hub.may_read(&ada(), &topic) && hub.may_write(&ada(), &topic), "served again, from the beginning");
}

#[tokio::test]
async fn an_undeclared_topic_is_closed() {
    let hub = hub();
    hub.serve(TITLE).read(anyone).write(anyone);
    for topic in ["undeclared", "board/7", "board/7/title/x", "board/title"] {
        assert!(!hub.may_read(&ada(), &name(topic)) && !hub.may_write(&ada(), &name(topic)), "{topic}");
        assert!(matches!(write(&hub, &ada(), topic, "1"), Err(WriteError::Forbidden { .. })), "{topic}");
    }
    assert!(hub.topics().is_empty());
}

#[tokio::test]
async fn a_rule_sees_who_asks_and_for_which_topic() {
    let hub = hub();
    hub.serve(TITLE)
        .read(|who, topic| who.name() == Some("ada") && topic.as_str() == "board/7/title")
        .write(|who, _| who.name().is_some());
    assert!(hub.may_read(&ada(), &name("board/7/title")));
    assert!(!hub.may_read(&ada(), &name("board/8/title")));
    assert!(!hub.may_read(&Principal::anonymous(), &name("board/7/title")));
    assert!(write(&hub, &ada(), "board/8/title", r#"{"text":"a"}"#).is_ok());
    let refused = write(&hub, &Principal::anonymous(), "board/8/title", r#"{"text":"b"}"#);
    assert!(matches!(refused, Err(WriteError::Forbidden { .. })));
    assert_eq!(hub.value(&TITLE.at(8)), Some(Title { text: "a".into() }));
}

#[tokio::test]
async fn the_newest_declaration_of_a_name_holds() {
    let hub = hub();
    hub.serve(TALK).write(anyone);
    hub.serve(LOBBY);
    assert!(hub.may_write(&ada(), &name("talk/kitchen")));
    assert!(!hub.may_write(&ada(), &name("talk/lobby")));
}

#[tokio::test]
async fn what_the_type_does_not_know_does_not_travel() {
    let hub = hub();
    hub.serve(TITLE).write(anyone);
    write(&hub, &ada(), "board/7/title", r#"{ "admin": 1, "text": "a" }"#).unwrap();
    let held = hub.snapshot(&name("board/7/title"), 1).entries;
    assert_eq!(held[0].payload.as_ref().unwrap().as_str(), r#"{"text":"a"}"#);
}

#[tokio::test]
async fn each_refusal_says_why_and_publishes_nothing() {
    let hub = hub();
    hub.serve(TITLE).write(anyone).validate(|title| match title.text.as_str() {
        "" => Err("a title has a text".to_owned()),
        _ => Ok(()),
    });
    let mut subscription = hub.subscribe("board/7/title").unwrap();
    let before = hub.cursor();
    for body in ["", "{", r#"{"text":"a"} x"#, "{text:1}"] {
        let refused = write(&hub, &ada(), "board/7/title", body);
        assert!(matches!(refused, Err(WriteError::Json { .. })), "{body:?}: {refused:?}");
    }
    for body in ["7", r#""a""#, r#"{"text":7}"#, "{}", "null"] {
        let refused = write(&hub, &ada(), "board/7/title", body);
        assert!(matches!(refused, Err(WriteError::Shape { .. })), "{body:?}: {refused:?}");
    }
    let Err(WriteError::Invalid { fault, .. }) = write(&hub, &ada(), "board/7/title", r#"{"text":""}"#) else {
        panic!("the rule refuses it")
    };
    assert_eq!(fault, "a title has a text");
    let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(40));
    let refused = write(&hub, &ada(), "board/7/title", &long);
    assert!(matches!(refused, Err(WriteError::Publish(PublishError::TooLarge { bytes: 51, max: 40 }))), "{refused:?}");
    assert_eq!(hub.cursor(), before, "nothing was stamped");
    assert!(hub.snapshot(&name("board/7/title"), 1).entries.is_empty(), "nothing is kept");
    write(&hub, &ada(), "board/7/title", r#"{"text":"b"}"#).unwrap();
    let Delivery::Message(entry) = within(subscription.next()).await else { panic!("a message") };
    assert_eq!(
        (entry.payload.as_ref().unwrap().as_str(), entry.stamp),
        (r#"{"text":"b"}"#, 1),
        "nothing came before it"
    );
}

#[tokio::test]
async fn a_body_that_grows_when_it_is_encoded_meets_the_limit_too() {
    let hub = hub();
    hub.serve(TALK).write(anyone);
    // A body may be padded; what it comes to is what counts, but both are bounded.
    assert!(write(&hub, &ada(), "talk/a", &format!("{}7", " ".repeat(39))).is_ok());
    let refused = write(&hub, &ada(), "talk/a", &format!("{}7", " ".repeat(40)));
    assert!(matches!(refused, Err(WriteError::Publish(PublishError::TooLarge { bytes: 41, max: 40 }))));
    assert_eq!(hub.snapshot(&name("talk/a"), 9).entries.len(), 1);
}

#[tokio::test]
async fn a_write_carries_its_options() {
    let hub = hub();
    hub.serve(TALK).write(anyone);
    let mut subscription = hub.subscribe("talk/a").unwrap();
    let options = PublishOptions::default().from_sender("page-1").with_id("w1");
    let published = hub.write(&ada(), &name("talk/a"), "7", options).unwrap();
    let Delivery::Message(entry) = within(subscription.next()).await else { panic!("a message") };
    assert_eq!(
        (entry.from.as_deref(), entry.id.as_deref(), entry.version),
        (Some("page-1"), Some("w1"), published.version)
    );
}

#[tokio::test]
async fn the_servers_own_code_needs_no_rule() {
    let hub = hub();
    hub.serve(TALK);
    hub.publish(&TALK.at("a"), &7).unwrap();
    assert_eq!(hub.topics()[0].kind, TopicKind::Events);
    let entries = hub.snapshot(&name("talk/a"), 9).entries.into_iter().map(Delivery::Message).collect::<Vec<_>>();
    assert_eq!(said(&entries), support::messages("talk/a", [7]));
}

/// Was wrong: a refused call leaves the topic that it was refused on in the node's table.
#[tokio::test]
async fn a_refused_call_makes_no_topic() {
    let hub = hub();
    hub.serve(TALK);
    assert!(hub.local_broadcast("talk/a", support::number(1)).is_err());
    assert!(hub.clear("undeclared").is_err());
    assert!(hub.topics().is_empty(), "{:?}", hub.topics());
}

#[tokio::test]
async fn who_may_write_may_not_yet_clear() {
    let hub = hub();
    let clear = |who: &Principal, topic: &str| hub.clear_as(who, &name(topic), PublishOptions::default());
    hub.serve(TITLE).read(anyone).write(anyone);
    write(&hub, &ada(), "board/7/title", r#"{"text":"a"}"#).unwrap();
    assert!(matches!(clear(&ada(), "board/7/title"), Err(WriteError::Forbidden { .. })));
    assert_eq!(hub.value(&TITLE.at(7)), Some(Title { text: "a".to_owned() }));

    hub.serve(TITLE)
        .read(anyone)
        .write(anyone)
        .clear(|who, topic| who.name().is_some() && topic.as_str() != "board/8/title");
    assert!(matches!(clear(&Principal::anonymous(), "board/7/title"), Err(WriteError::Forbidden { .. })));
    assert!(matches!(clear(&ada(), "board/8/title"), Err(WriteError::Forbidden { .. })));
    assert!(matches!(clear(&ada(), "undeclared"), Err(WriteError::Forbidden { .. })));
    clear(&ada(), "board/7/title").unwrap();
    assert_eq!(hub.value(&TITLE.at(7)), None);

    hub.serve(TALK).clear(anyone);
    let refused = clear(&ada(), "talk/lobby");
    assert!(matches!(refused, Err(WriteError::Publish(PublishError::Kind { .. }))), "{refused:?}");
}

#[tokio::test]
async fn a_clear_with_an_id_clears_once() {
    let hub = hub();
    hub.serve(TITLE).clear(anyone);
    hub.publish(&TITLE.at(7), &Title { text: "a".to_owned() }).unwrap();
    let clear = || hub.clear_as(&ada(), &name("board/7/title"), PublishOptions::default().with_id("once")).unwrap();
    let first = clear();
    // Somebody has written since: a retry takes nothing away.
    hub.publish(&TITLE.at(7), &Title { text: "b".to_owned() }).unwrap();
    assert_eq!(clear(), first);
    assert_eq!(hub.value(&TITLE.at(7)), Some(Title { text: "b".to_owned() }));
}
