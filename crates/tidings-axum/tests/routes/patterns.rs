//! Patterns on both streams: each topic that may be read, those that begin too, and what is gone.

use crate::support::{CARD, Client, SECRET, Site, hold};
use http::StatusCode;
use tidings::wire::{TopicName, event::Event, live::Change};

impl Site {
    fn card(&self, id: u32, part: &str, value: u64) {
        self.hub.publish(&CARD.at(id, part), &value).unwrap();
    }
}

#[tokio::test]
async fn a_plain_stream_reads_a_pattern_and_resumes_it() {
    let site = Site::new();
    site.card(1, "size", 10);
    site.card(1, "price", 11);
    site.hub.publish(&SECRET.at(), &12).unwrap();
    let mut client = Client::new(site.get("/live?topic=card/**&topic=demo/*", &[]).await);
    let began = client.until("complete demo/*").await;
    assert_eq!(began, ["hello", "snapshot 10", "complete card/**", "complete demo/*"]);
    site.card(2, "price", 20);
    site.card(2, "size", 21);
    site.say("new");
    assert_eq!(client.until("\"new\"").await, ["21", "\"new\""], "what may not be read is left out");
    let id = client.last_id();
    drop(client);
    site.hub.clear("card/1/size").unwrap();
    site.card(3, "size", 30);
    let headers = [("last-event-id", id.as_str())];
    let mut client = Client::new(site.get("/live?topic=card/**&topic=demo/*", &headers).await);
    let said = client.until("30").await;
    assert_eq!((said.len(), said[0].as_str()), (3, "hello"));
    assert!(said[1].contains("Deleted"), "what went since comes as a deletion: {said:?}");
    let headers = [("last-event-id", "nonsense")];
    let mut client = Client::new(site.get("/live?topic=card/**", &headers).await);
    let mut said = Vec::new();
    while said.last().is_none_or(|last| last != "complete") {
        let event = client.raw().await.unwrap();
        assert_eq!(event.id, "", "no id before the pattern is through");
        said.push(event.name);
    }
    assert_eq!(said, ["hello", "gap", "snapshot", "snapshot", "complete"], "one gap, and then all that there is");
}

#[tokio::test]
async fn a_pattern_of_what_nobody_may_read_is_silent() {
    let site = Site::new();
    site.hub.publish(&SECRET.at(), &1).unwrap();
    let mut client = Client::new(site.get("/live?topic=demo/secret/*&topic=no/**&topic=*/secret", &[]).await);
    let wanted = ["hello", "complete demo/secret/*", "complete no/**", "complete */secret"];
    assert_eq!(client.until("complete */secret").await, wanted);
    assert_eq!(site.hub.readers(&TopicName::new("demo/secret").unwrap()), 0);
}

#[tokio::test]
async fn a_page_holds_and_releases_patterns() {
    let site = Site::new();
    site.card(1, "size", 10);
    let mut client = site.open(1, vec![hold("card/*/size", None), hold("card/1/size", None)]).await;
    let Event::Hello(hello) = client.event().await else { panic!("hello comes first") };
    let page = hello.page.unwrap();
    let said = client.until("joined 1 live 2 refused 0").await;
    assert!(said.contains(&"complete card/*/size".to_owned()), "{said:?}");
    site.card(2, "size", 20);
    site.card(1, "size", 12);
    assert_eq!(client.until("12").await, ["20", "12"], "each once");
    let change = |call, hold, release: &[&str]| {
        let release = release.iter().map(|topic| topic.parse().unwrap()).collect();
        Change { page: page.clone(), call, hold, release, ..Change::default() }
    };
    assert_eq!(site.change(&change(2, vec![], &["card/*/size"])).await, StatusCode::ACCEPTED);
    client.until("joined 2 live 0 refused 0").await;
    site.card(2, "size", 21);
    site.card(1, "size", 13);
    assert_eq!(client.until("13").await, ["13"], "its own hold stays");
    let cursor = client.last_id();
    site.card(3, "size", 30);
    assert_eq!(site.change(&change(3, vec![hold("card/**", Some(&cursor))], &[])).await, StatusCode::ACCEPTED);
    assert_eq!(
        client.until("joined 3 live 1 refused 0").await,
        ["joining 3", "30", "joined 3 live 1 refused 0"],
        "a pattern that resumes has no snapshot"
    );
}
