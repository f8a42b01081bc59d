//! The next build of an app, as far as its open pages notice: another build id, and a topic whose payload has another
//! type now. The browser tests put it in the place of the demo's server, under an open page of the demo.
//!
//! ```sh
//! TIDINGS_ADDR=127.0.0.1:3000 cargo run -p tidings-axum --example next_build
//! ```

use axum::Router;
use serde::{Deserialize, Serialize};
use tidings::{
    Hub, anyone,
    wire::{Events, NodeName, State, live::DEFAULT_PREFIX, topics},
};
use tidings_axum::{Live, LiveOptions, page_routes, topic_routes};

topics! {
    /// It was a plain number.
    COUNTER(node: NodeName): State<Count> = "node/{node}/counter";
    /// As it was.
    MESSAGES: Events<Message> = "demo/messages" keep 200, "1d";
}

#[derive(Serialize, Deserialize)]
struct Count {
    total: u64,
}

#[derive(Serialize, Deserialize)]
struct Message {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::solo("alpha")?;
    hub.serve(COUNTER).read(anyone);
    hub.serve(MESSAGES).read(anyone).write(anyone);
    hub.publish(&COUNTER.at(hub.node_name()), &Count { total: 7 })?;
    let live = Live::new(hub, LiveOptions::default().build("the next one"))?;
    let app: Router = Router::new().nest(DEFAULT_PREFIX, page_routes(live.clone())).merge(topic_routes(live));
    let addr = std::env::var("TIDINGS_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(addr).await?;
    axum::serve(listener, app).await?;
    Ok(())
}
