//! Serves the page of `app.rs`.

#[cfg(feature = "ssr")]
#[tokio::main]
async fn main() {
    use axum::Router;
    use late::app::*;
    use leptos::prelude::*;
    use leptos_axum::{LeptosRoutes, generate_route_list};

    let options = get_configuration(None).unwrap().leptos_options;
    let addr = options.site_addr;
    let routes = generate_route_list(App);
    let hub = tidings::Hub::solo("alpha").unwrap();
    hub.serve(SAID).read(tidings::anyone);
    hub.serve(LAST).read(tidings::anyone);
    let live = tidings_axum::Live::new(hub.clone(), Default::default()).unwrap();
    let pages = tidings_axum::page_routes(live.clone());
    let context = move || {
        provide_context(hub.clone());
        provide_context(live.paint(Default::default()));
    };
    let app = Router::new()
        .leptos_routes_with_context(&options, routes, context.clone(), {
            let options = options.clone();
            move || shell(options.clone())
        })
        .nest("/_tidings", pages)
        .fallback(leptos_axum::file_and_error_handler_with_context(context, shell))
        .with_state(options);
    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}

#[cfg(not(feature = "ssr"))]
fn main() {}
