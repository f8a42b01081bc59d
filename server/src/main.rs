//! The Tidings server: configuration, routes, start and stop.

// A page is one type, nested as deep as its elements: an optimised build computes its layout.
#![recursion_limit = "256"]

mod banner;
mod config;
mod engine;
mod health;
mod nodes;
mod routes;
mod site;
mod stop;

use std::{net::SocketAddr, process::ExitCode};

use app::{guest::Guests, node::NodeOptions};
use axum::serve::{Listener as _, ListenerExt as _};
use clap::Parser as _;
use tidings::Hub;
use tidings_axum::{Live, LiveOptions, Secret};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use config::Config;

/// What is logged unless `RUST_LOG` says otherwise. Zenoh warns of each session that is set as ours are.
const LOG: &str = "info,zenoh=error";

fn main() -> ExitCode {
    let config = Config::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG)))
        .with_writer(std::io::stderr)
        .init();
    let run = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime could be started: {error}"))
        .and_then(|runtime| {
            let ended = runtime.block_on(run(config));
            // A request that hangs must not hold up the end that was asked for.
            runtime.shutdown_background();
            ended
        });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is told to stop.
async fn run(config: Config) -> Result<(), String> {
    let signals = stop::Signals::listen().map_err(|error| format!("no signal can be listened to: {error}"))?;
    let site = site::find(&config)?;
    let hub = Hub::solo(&config.node).map_err(|error| format!("TIDINGS_NODE={}: {error}", config.node))?;
    serve_topics(&hub);
    let faults = engine::connect(&hub, &config.cluster, config.secret.as_deref()).await?;
    let no_randomness = |error| format!("the system gives no randomness: {error}");
    let secret =
        config.secret.as_deref().map(Secret::from_text).map_or_else(Secret::random, Ok).map_err(no_randomness)?;
    let is_secure = config.url.as_deref().is_some_and(|url| url.starts_with("https:"));
    let guests = Guests::new(secret.clone(), is_secure);
    let options = LiveOptions::default()
        .build(&site.build)
        .beat(config.beat())
        .origins(config.origins.clone())
        .identify({
            let guests = guests.clone();
            move |parts| guests.principal(&parts.headers)
        })
        .secret(Some(secret));
    let live = Live::new(hub.clone(), options).map_err(no_randomness)?;
    let streams = live.clone();
    let options = NodeOptions::new(move || streams.open_streams())
        .clustered(config.cluster.engine != engine::Engine::Solo)
        .faults(faults.clone());
    let node = app::node::start(hub.clone(), options).await.map_err(|error| error.to_string())?;
    let listener = listen(config.addr()).await?;
    let addr = listener.local_addr().map_err(|error| error.to_string())?;
    let url = config.url.clone().unwrap_or_else(|| format!("http://{addr}"));
    let demo = faults.zip(config.cluster.demo_token.clone());
    let engine = config.cluster.engine;
    let parts = routes::Parts { site: &site, live: &live, guests: &guests, node: &node, url: &url, engine, demo };
    let router = routes::router(parts);
    // Before the first request, once nothing can fail any more.
    banner::print(&hub, config.cluster.engine, &url, addr);
    let (stopping, cluster, actor) = (live.clone(), hub.clone(), node.clone());
    let serve = axum::serve(listener, router).with_graceful_shutdown(async move {
        tokio::select! {
            () = signals.told() => {}
            () = engine::taken(&cluster) => {}
            () = actor.told_to_stop() => {}
        }
        stopping.drain();
    });
    stop::within_limit(&live, serve.into_future()).await?;
    node.stop();
    // After the streams: what they were the last to be told came from here.
    hub.leave().await;
    if hub.is_taken() {
        let name = hub.node_name();
        return Err(format!(
            "an older node named {name} is in the cluster: give this one another name with TIDINGS_NODE"
        ));
    }
    tracing::info!("stopped");
    Ok(())
}

/// What this app serves, and to whom.
fn serve_topics(hub: &Hub) {
    use app::{
        chat::is_room,
        topics::{
            ACTIVITY, CHAT, COLUMN, Here, LOOKS, MESSAGES, Message, PLACE, TITLE, check_title, is_board, is_card,
        },
    };
    use tidings::{Principal, anyone};
    // Who is present is a guest whom the server has made, and is so under its own id.
    let is_me = |who: &Principal, key: &str| who.name() == Some(key);
    let says = |_: &Principal, here: Here| here.check();
    app::node::serve_topics(hub);
    let of_a_card = |_: &Principal, topic: &tidings::wire::TopicName| is_card(topic);
    hub.serve(MESSAGES).read(anyone).write(anyone).validate(Message::check);
    // A card is deleted by clearing its fields.
    hub.serve(TITLE).read(anyone).write(of_a_card).clear(of_a_card).validate(check_title);
    hub.serve(COLUMN).read(anyone).write(of_a_card).clear(of_a_card);
    hub.serve(PLACE).read(anyone).write(of_a_card).clear(of_a_card);
    hub.serve(ACTIVITY)
        .read(anyone)
        .write(|_, topic| is_board(topic))
        .validate(Message::check)
        .see_presences(|_, topic| is_board(topic))
        .be_present(move |who, topic, key| is_board(topic) && is_me(who, key))
        .meta(says);
    // Lines carry who said them: only the server writes.
    hub.serve(CHAT)
        .read(|_, topic| is_room(topic))
        .see_presences(|_, topic| is_room(topic))
        .be_present(move |who, topic, key| is_room(topic) && is_me(who, key))
        .meta(says);
    hub.serve(LOOKS).see_presences(anyone).be_present(move |who, _, key| is_me(who, key)).meta(says);
}

async fn listen(addr: SocketAddr) -> Result<impl axum::serve::Listener<Addr = SocketAddr>, String> {
    let listener = TcpListener::bind(addr).await.map_err(|error| {
        format!(
            "cannot listen on {addr}: {error}. Stop what listens there, or choose another address with TIDINGS_ADDR"
        )
    })?;
    // An event is small and wanted now: never held back to be sent with the next one.
    Ok(listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection without TCP_NODELAY");
        }
    }))
}
