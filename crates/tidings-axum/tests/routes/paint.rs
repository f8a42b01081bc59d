//! What the server writes into a page, and where its stream goes on.

use crate::support::{SECRET, Site, VALUE, hold};
use tidings::{
    Principal,
    wire::{Pattern, TopicName, Want},
};

#[tokio::test]
async fn a_pattern_is_painted_under_one_cursor_without_what_may_not_be_read() {
    let site = Site::new();
    site.hub.publish(&VALUE.at(), &1).unwrap();
    site.hub.publish(&SECRET.at(), &2).unwrap();
    site.say("a log is no value");
    let paint = site.live.paint(Principal::anonymous());
    let painted = paint.paint_all(&Pattern::new("demo/*").unwrap()).unwrap();
    let items: Vec<_> =
        painted.items.iter().map(|item| (item.topic.as_ref().unwrap().as_str(), item.data.get())).collect();
    assert_eq!(items, [("demo/value", "1")]);
    assert_eq!(painted.topic.as_str(), "demo/*");

    // The stream goes on from there: what was painted is not told again, and what came since is.
    site.hub.publish(&VALUE.at(), &3).unwrap();
    let mut client = site.open(1, vec![hold("demo/value", Some(&painted.cursor.to_string()))]).await;
    let told = client.until("joined 1 live 1 refused 0").await;
    assert_eq!(told, ["hello", "joining 1", "3", "joined 1 live 1 refused 0"]);
}

#[tokio::test]
async fn what_may_not_be_read_is_not_painted() {
    let site = Site::new();
    site.hub.publish(&SECRET.at(), &2).unwrap();
    let paint = site.live.paint(Principal::anonymous());
    assert!(paint.paint(&TopicName::new("demo/secret").unwrap(), Want::Newest).is_none());
    let all = paint.paint_all(&Pattern::new("demo/**").unwrap()).unwrap();
    assert!(all.items.is_empty());
}
