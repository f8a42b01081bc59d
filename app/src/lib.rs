//! The Tidings web app: pages, components, topics and server functions, compiled for server (`ssr`)
//! and browser (`hydrate`).

// A page is one type, nested as deep as its elements: an optimised build computes its layout.
#![recursion_limit = "256"]
#![allow(unreachable_pub, reason = "`#[component]` makes what it expands to public")]

pub mod api;
pub mod board;
pub mod chat;
pub mod cluster;
mod format;
pub mod guest;
#[cfg(feature = "ssr")]
pub mod node;
mod pages;
mod parts;
mod site;
pub mod topics;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::{
    ParamSegment, StaticSegment,
    components::{Route, Router, Routes},
};
use tidings_leptos::provide_live;

pub use site::Site;

use pages::{Board, Chat, Cluster, Home, NotFound};
use parts::{Footer, Header, Notices};

/// The document around the app.
#[must_use]
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <leptos_meta::HashedStylesheet id="style" options=options.clone()/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The app.
#[component]
#[must_use]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_live();
    let site = site::provide_site();
    guest::provide_me();
    view! {
        <Router>
            <a class="skip" href="#main" rel="external">"Skip to the content"</a>
            <Header/>
            <main class="page" id="main" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=StaticSegment("") view=Home/>
                    <Route path=(StaticSegment("board"), ParamSegment("board")) view=Board/>
                    <Route path=(StaticSegment("chat"), ParamSegment("room")) view=Chat/>
                    <Route path=StaticSegment("cluster") view=Cluster/>
                </Routes>
            </main>
            {site.map(|site| view! { <Footer site/> })}
            <Notices/>
        </Router>
    }
}
