//! One log, shown by parts that begin at different moments: at once, a hundred messages later under `Suspense`, under
//! `Show` and in a `For` when a visitor asks for them, and on another page of the app.

use leptos::prelude::*;
use leptos_router::{
    StaticSegment,
    components::{A, Route, Router, Routes},
};
use tidings_leptos::{
    LogRow, UseLog, UseTopic, provide_live, use_log, use_topic,
    wire::{Events, State, topics},
};

topics! {
    /// Numbers that count up.
    pub SAID: Events<u64> = "said" keep 1000;
    /// The last of them.
    pub LAST: State<u64> = "last";
}

/// Says so many numbers.
#[server]
pub async fn say(count: u64) -> Result<u64, ServerFnError> {
    static SAID_SO_FAR: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
    let hub = expect_context::<tidings::Hub>();
    let mut said = SAID_SO_FAR.lock().map_err(ServerFnError::new)?;
    for _ in 0..count {
        *said += 1;
        hub.publish(&SAID.at(), &said).map_err(ServerFnError::new)?;
        hub.publish(&LAST.at(), &said).map_err(ServerFnError::new)?;
    }
    Ok(*said)
}

/// The document.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <link rel="icon" href="data:,"/>
                <HydrationScripts options/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The app.
#[component]
pub fn App() -> impl IntoView {
    provide_live();
    view! {
        <Router>
            <Routes fallback=|| "There is no such page.">
                <Route path=StaticSegment("") view=Home/>
                <Route path=StaticSegment("other") view=Other/>
            </Routes>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let shown = RwSignal::new(false);
    let rows = RwSignal::new(Vec::<u32>::new());
    view! {
        <Log id="early"/>
        <Later/>
        <button on:click=move |_| shown.update(|shown| *shown = !*shown)>"Show"</button>
        <Show when=move || shown.get()>
            <Log id="shown"/>
        </Show>
        <button on:click=move |_| rows.update(|rows| rows.push(rows.len() as u32))>"Row"</button>
        <For each=move || rows.get() key=|row| *row let:row>
            <Last row/>
        </For>
        <A href="/other">"Other"</A>
    }
}

/// Says a hundred, once what stands above it is painted, and shows the log then.
#[component]
fn Later() -> impl IntoView {
    let said = Resource::new(|| (), |()| say(100));
    view! {
        <Suspense fallback=|| view! { <p>"…"</p> }>
            {move || Suspend::new(async move {
                said.await.ok();
                view! { <Log id="late"/> }
            })}
        </Suspense>
    }
}

#[component]
fn Other() -> impl IntoView {
    view! {
        <Log id="other"/>
        <A href="/">"Home"</A>
    }
}

#[component]
fn Log(id: &'static str) -> impl IntoView {
    let UseLog { items, .. } = use_log(SAID.at(), 1000);
    let text = move |row: LogRow<u64>| match row {
        LogRow::Message { value, .. } => value.to_string(),
        other => format!("{other:?}"),
    };
    view! {
        <p id=id>
            <For each=move || items.get() key=|item| item.key let:item>
                <i>{text(item.row)}</i>" "
            </For>
        </p>
    }
}

#[component]
fn Last(row: u32) -> impl IntoView {
    let UseTopic { value, .. } = use_topic(LAST.at());
    view! { <b data-row=row>{move || value.get()}</b> }
}
