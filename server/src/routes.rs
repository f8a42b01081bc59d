//! The routes of the app: pages, server functions, streams, topics, files.

use app::{
    Site as SiteContext,
    api::SERVER_FN_PREFIX,
    guest::{Guest, Guests},
    node::NodeHandle,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http::{HeaderValue, header};
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes as _, generate_route_list, handle_server_fns_with_context};
use tidings::{Faults, Principal, wire::live::DEFAULT_PREFIX};
use tidings_axum::{Live, metrics_routes, page_routes, plain_routes, presence_routes, same_origin, topic_routes};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, services::ServeDir};

use crate::{engine::Engine, health, nodes, site::Site};

/// Hashed files never change: a year is the longest that caches honour.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What the routes are made of.
pub(crate) struct Parts<'a> {
    pub(crate) site: &'a Site,
    pub(crate) live: &'a Live,
    pub(crate) guests: &'a Guests,
    pub(crate) node: &'a NodeHandle,
    /// How visitors reach the app.
    pub(crate) url: &'a str,
    pub(crate) engine: Engine,
    /// Where this is a demonstration: the means to make faults, and the token of who may.
    pub(crate) demo: Option<(Faults, String)>,
}

/// What handlers of pages and server functions need.
#[derive(Clone)]
struct AppState {
    options: LeptosOptions,
    live: Live,
    guests: Guests,
    node: NodeHandle,
    site: SiteContext,
    demo: Option<app::node::Demo>,
}

impl axum::extract::FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.options.clone()
    }
}

/// All routes.
pub(crate) fn router(parts: Parts<'_>) -> Router {
    let Parts { site, live, guests, node, url, engine, demo } = parts;
    let context = SiteContext {
        node: live.hub().node_name().clone(),
        engine: engine.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: url.to_owned(),
    };
    let demo = demo.map(|(faults, token)| app::node::Demo::new(faults, token));
    let (options, live_state, guests, node) = (site.options.clone(), live.clone(), guests.clone(), node.clone());
    let state = AppState { options, live: live_state, guests, node, site: context, demo };
    let pages = Router::new()
        .route(&format!("{SERVER_FN_PREFIX}/{{*name}}"), post(server_fn))
        .leptos_routes_with_handler(generate_route_list(app::App), page)
        .layer(from_fn(revalidate))
        .nest_service("/pkg", files(site, "pkg", site.options.hash_files))
        .fallback_service(ServeDir::new(&site.root).fallback(axum::routing::any(page).with_state(state.clone())))
        .with_state(state)
        .layer(CompressionLayer::new());
    Router::new()
        // Streams stay outside of the compression: a compressor holds events back.
        .nest(DEFAULT_PREFIX, page_routes(live.clone()))
        .merge(plain_routes(live.clone()))
        .merge(topic_routes(live.clone()))
        .merge(presence_routes(live.clone()))
        .merge(health::routes(live.clone()))
        .merge(nodes::routes(live.clone(), engine))
        .merge(metrics_routes(live.clone()))
        .merge(pages)
        .layer(from_fn_with_state(live.clone(), same_origin))
        .layer(from_fn(protect))
        .layer(CatchPanicLayer::new())
}

/// Renders a page, or says that there is none.
async fn page(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let known = state.guests.guest(&parts.headers);
    // Who comes for the first time is somebody from the first painted byte on.
    let newcomer = if known.is_none() { state.guests.newcomer(&parts.headers).ok() } else { None };
    let cookie = newcomer.as_ref().and_then(|guest| state.guests.set_cookie(guest));
    let context = context(&state, known.or(newcomer));
    let options = state.options.clone();
    let render = leptos_axum::render_app_to_stream_with_context(context, move || app::shell(options.clone()));
    let mut response = render(Request::from_parts(parts, body)).await;
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Runs a server function.
async fn server_fn(State(state): State<AppState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let context = context(&state, state.guests.guest(&parts.headers));
    handle_server_fns_with_context(context, Request::<Body>::from_parts(parts, body)).await.into_response()
}

/// What components and server functions find in their context.
fn context(state: &AppState, guest: Option<Guest>) -> impl Fn() + Clone + Send + Sync + 'static {
    let who = guest.as_ref().map_or_else(Principal::anonymous, |guest| Principal::named(&guest.id));
    let state = state.clone();
    move || {
        provide_context(state.live.hub().clone());
        provide_context(state.live.paint(who.clone()));
        provide_context(who.clone());
        provide_context(state.guests.clone());
        if let Some(guest) = &guest {
            provide_context(guest.clone());
        }
        provide_context(state.node.clone());
        provide_context(state.site.clone());
        if let Some(demo) = &state.demo {
            provide_context(demo.clone());
        }
    }
}

/// A folder of the site.
fn files(site: &Site, folder: &str, hashed: bool) -> axum::routing::MethodRouter {
    let dir = ServeDir::new(site.root.join(folder));
    axum::routing::any_service(dir).layer(from_fn(move |request: Request, next: Next| async move {
        let mut response = next.run(request).await;
        if response.status().is_success() {
            let value = if hashed { FOREVER } else { HeaderValue::from_static("no-cache") };
            response.headers_mut().insert(header::CACHE_CONTROL, value);
        }
        response
    }))
}

/// A page is asked for anew each time, and is of its visitor. Not `no-store`: that would keep it out of the browser's
/// back-forward cache.
async fn revalidate(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

/// Headers that every answer carries.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Our own forms need it to find back to their page; nobody else does.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}
