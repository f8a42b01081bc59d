#[cfg(feature = "ssr")]
#[tokio::main]
async fn main() {
    use axum::Router;
    use hello::app::*;
    use leptos::prelude::*;
    use leptos_axum::{LeptosRoutes, generate_route_list};

    let options = get_configuration(None).unwrap().leptos_options;
    let addr = options.site_addr;
    let routes = generate_route_list(App);

    let app = Router::new()
        .leptos_routes(&options, routes, {
            let options = options.clone();
            move || shell(options.clone())
        })
        .fallback(leptos_axum::file_and_error_handler(shell))
        .with_state(options);

    let listener = tokio::net::TcpListener::bind(addr).await.unwrap();
    leptos::logging::log!("listening on http://{addr}");
    axum::serve(listener, app).await.unwrap();
}

#[cfg(not(feature = "ssr"))]
fn main() {
    // The browser begins in lib.rs.
}
