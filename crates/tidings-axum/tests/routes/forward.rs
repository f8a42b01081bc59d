//! A page's call that reaches another node than its stream's: no sticky sessions.

use std::time::Duration;

use http::StatusCode;
use tidings::{
    Hub, Principal, nobody,
    testing::Mesh,
    wire::live::{Change, Hold, Open},
};
use tidings_axum::{LiveOptions, Secret};

use crate::support::{Client, LOG, Site, error_code, hold, page_id};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Two nodes of one cluster, which see each other.
async fn two_nodes() -> (Mesh, Site, Site) {
    let mesh = Mesh::default();
    let hubs = [Hub::solo("alpha").unwrap(), Hub::solo("beta").unwrap()];
    let options = || LiveOptions::default().secret(Some(Secret::from_text("the same on both nodes")));
    let mut sites = Vec::new();
    for hub in &hubs {
        hub.connect(mesh.carrier()).await.unwrap();
    }
    for hub in hubs {
        assert_eq!(hub.wait_for_nodes(1, Duration::from_secs(30)).await, 1);
        sites.push(Site::of(hub, options()));
    }
    let (beta, alpha) = (sites.pop().unwrap(), sites.pop().unwrap());
    // Each reads the other's letters from when it has seen the other.
    for site in [&alpha, &beta] {
        let reads =
            || site.hub.topics().iter().any(|topic| topic.topic.as_str() == "_tidings/letters" && topic.readers > 0);
        while !reads() {
            site.hub.changed().await;
        }
    }
    (mesh, alpha, beta)
}

fn change(page: &str, call: u64, topic: &str) -> Change {
    Change { page: page.to_owned(), call, hold: vec![hold(topic, None)], release: vec![], ..Change::default() }
}

#[tokio::test]
async fn a_call_finds_the_stream_on_another_node() {
    let (_mesh, alpha, beta) = two_nodes().await;
    let mut client = alpha.open(1, vec![]).await;
    let page = page_id(&mut client).await;
    client.until("joined 1 live 0 refused 0").await;
    assert_eq!(beta.change(&change(&page, 2, "demo/log")).await, StatusCode::ACCEPTED);
    client.until("joined 2 live 1 refused 0").await;
    beta.say("said on the other node");
    client.until("\"said on the other node\"").await;
    let release =
        Change { page, call: 3, hold: vec![], release: vec![hold("demo/log", None).topic], ..Change::default() };
    assert_eq!(beta.change(&release).await, StatusCode::ACCEPTED);
    client.until("joined 3 live 0 refused 0").await;
    assert_eq!(alpha.hub.readers(&"demo/log".parse().unwrap()), 0);
}

#[tokio::test]
async fn a_call_for_a_stream_that_is_no_more_is_refused_at_either_node() {
    let (mesh, alpha, beta) = two_nodes().await;
    let mut client = alpha.open(1, vec![]).await;
    let page = page_id(&mut client).await;
    let gone = (StatusCode::NOT_FOUND, "no-such-page".to_owned());
    let body = serde_json::to_string(&change(&page, 2, "demo/log")).unwrap();
    let forged = body.replace(&page[..8], "AAAAAAAA");
    assert_eq!(error_code(beta.post("/_tidings/change", &[JSON], &forged).await).await, gone);
    drop(client);
    assert_eq!(error_code(beta.post("/_tidings/change", &[JSON], &body).await).await, gone, "alpha says so");
    mesh.kill("alpha");
    assert_eq!(
        error_code(beta.post("/_tidings/change", &[JSON], &body).await).await,
        gone,
        "nobody is there to say it"
    );
}

#[tokio::test]
async fn a_call_whose_way_is_cut_is_refused_in_time() {
    let (mesh, alpha, beta) = two_nodes().await;
    let mut client = alpha.open(1, vec![]).await;
    let page = page_id(&mut client).await;
    // Alpha does not hear beta any more, and beta does not know it.
    mesh.cut_one_way("beta", "alpha");
    let answer = beta.change(&change(&page, 2, "demo/log")).await;
    assert_eq!(answer, StatusCode::NOT_FOUND);
    mesh.heal();
    // The page begins anew, here or there, with everything that it holds.
    let mut client = beta.open(3, vec![hold("demo/log", None)]).await;
    client.until("joined 3 live 1 refused 0").await;
}

#[tokio::test]
async fn a_stream_that_moves_to_another_node_ends_on_the_first() {
    let (_mesh, alpha, beta) = two_nodes().await;
    let mut first = alpha.open(1, vec![hold("demo/log", None)]).await;
    let page = page_id(&mut first).await;
    first.until("joined 1 live 1 refused 0").await;
    let open = Open { wire: 1, call: 2, page: Some(page), hold: Vec::<Hold>::new(), ..Open::default() };
    let mut second = Client::new(beta.post("/_tidings/live", &[JSON], &serde_json::to_string(&open).unwrap()).await);
    assert!(page_id(&mut second).await.ends_with(".beta"));
    while first.raw().await.is_some() {}
    drop(first);
    assert_eq!((alpha.live.open_streams(), beta.live.open_streams()), (0, 1));
}

#[tokio::test]
async fn rights_that_change_are_told_to_all_nodes() {
    let (_mesh, alpha, beta) = two_nodes().await;
    let mut client = alpha.open(1, vec![hold("demo/log", None)]).await;
    client.until("joined 1 live 1 refused 0").await;
    alpha.hub.serve(LOG).read(nobody);
    beta.live.rights_changed(&Principal::anonymous());
    client.until("joined 0 live 0 refused 1").await;
}
