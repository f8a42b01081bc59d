# shellcheck shell=bash
# What the scripts in this folder share. It is sourced, never run.
#
# Everything here also runs on bash 3.2, the one that macOS has: no associative
# arrays, no mapfile.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
LOG_DIR="$ROOT/target/log"

# The tools that script/setup installs come first on PATH: rustup's and cargo's
# programs, and wasm-opt from the npm package binaryen. cargo-leptos looks for
# wasm-bindgen and wasm-opt on PATH before it tries to download them, and a
# download fails in a closed network.
export PATH="$ROOT/end2end/node_modules/.bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

# The browser is the system's own; Playwright must not fetch another one.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1

cd "$ROOT" || exit 1
mkdir -p "$LOG_DIR"

say() { printf '%s\n' "$*"; }

have() { command -v "$1" >/dev/null 2>&1; }

# For --help: prints the comment at the head of the script that was called.
help_text() { sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$1"; }

# Where the browser is, or nothing; script/test hands it to Playwright.
find_chromium() {
    if [ -n "${CHROMIUM_PATH:-}" ]; then
        # A wrong path is not replaced by a guess: it was asked for by name.
        if [ -x "$CHROMIUM_PATH" ]; then say "$CHROMIUM_PATH"; fi
        return 0
    fi
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        if have "$name"; then
            command -v "$name"
            return 0
        fi
    done
}

# run_logged LABEL COMMAND...: runs the command with its output in a log, and
# prints every 15 seconds how long it took so far and the log's last line, so
# that nobody takes a long step for one that hangs. LAST_LOG names the log.
LAST_LOG=""
TICKER=""
run_logged() {
    local label="$1" began=$SECONDS code=0
    shift
    LAST_LOG="$LOG_DIR/$label.log"
    # The command stays in the foreground and the ticker goes behind it, not the
    # other way round: Ctrl-C does not reach what a script put in the background.
    (
        # sleep must not hold the script's output open after the ticker is gone.
        while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
            say "    $label: $((SECONDS - began)) s; $(tail -n 1 "$LAST_LOG" | tr '\r' '\n' | tail -n 1 | cut -c 1-100)"
        done
    ) &
    TICKER=$!
    "$@" >"$LAST_LOG" 2>&1 </dev/null || code=$?
    stop_ticker
    return "$code"
}

stop_ticker() {
    if [ -n "$TICKER" ]; then
        kill "$TICKER" 2>/dev/null || true
        wait "$TICKER" 2>/dev/null || true
        TICKER=""
    fi
}

# ---------------------------------------------------------------------------
# What script/check and script/test both run.
#
# `frontend` is left out of everything native. It asks its dependencies for the
# feature `hydrate`, the server asks for `ssr`, and cargo would give both to the
# crates that they share; that combination exists nowhere and does not work.
# The other crates belong together: the server turns `ssr` on for all of them.
NATIVE=(--workspace --exclude frontend)

# cargo-leptos builds the browser's side in this target folder; checks use it
# too, so that build scripts and macros are compiled once.
FRONT_TARGET=target/front

lint_format() { cargo fmt --all --check; }

lint_native() { cargo clippy "${NATIVE[@]}" --all-targets -- -D warnings; }

# The second run is for `csr`, which no part of the demo uses: without it, nothing
# would ever compile that feature.
lint_wasm() {
    local options=(--target wasm32-unknown-unknown --target-dir "$FRONT_TARGET")
    cargo clippy "${options[@]}" -p frontend -- -D warnings &&
        cargo clippy "${options[@]}" -p tidings-leptos --features csr -- -D warnings
}

lint_docs() { RUSTDOCFLAGS="-D warnings" cargo doc "${NATIVE[@]}" --no-deps; }

# What would be published, without building it once more: that is what all other steps do.
package_crates() {
    cargo package -p tidings-wire -p tidings -p tidings-axum -p tidings-leptos -p tidings-zenoh --no-verify --allow-dirty
}

# The simulator's seeds, and the planted bugs that it has to find.
run_simulator() {
    local -x TIDINGS_SEEDS="${TIDINGS_SEEDS:-2000}"
    cargo test -p tidings --lib simulator::
}

# Threads under schedules that a seed chooses (crates/tidings/src/schedules). The flag reaches all crates, so that
# they are built once more, in a folder of their own.
run_schedules() {
    local -x RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=target/shuttle
    cargo test -p tidings --lib schedules::
}

# The app of docs/ADD.md: an app without Tidings, and the diff that makes it live; and a page whose parts begin at
# different moments. With this workspace's lock and crates, and in its target folder, so that what others have built is
# not built again.
build_added() {
    copy_app examples/add/before "$ROOT/target/add" &&
        patch --silent --strip 1 --directory target/add <examples/add/counter.diff &&
        (cd target/add && CARGO_TARGET_DIR="$ROOT/target" cargo leptos build) &&
        copy_app examples/late "$ROOT/target/late" &&
        (cd target/late && CARGO_TARGET_DIR="$ROOT/target" cargo leptos build)
}

# copy_app FROM TO: an app that is not of this workspace, made to use its crates.
copy_app() {
    local from="$1" copy="$2"
    rm -rf "$copy" && mkdir -p "$copy/.cargo" && cp -R "$from/." Cargo.lock rust-toolchain.toml "$copy" || return 1
    {
        say "[patch.crates-io]"
        local crate
        for crate in tidings tidings-axum tidings-leptos tidings-wire; do
            say "$crate = { path = \"$ROOT/crates/$crate\" }"
        done
        # Another profile would build all dependencies once more.
        sed -n '/^\[profile.dev/,/^$/p' Cargo.toml
    } >"$copy/.cargo/config.toml"
}

# nextest runs the tests of all crates side by side, where it is installed. It
# has no doc tests, so those follow. A failure does not end the run: one run shows
# everything.
run_tests() {
    # The simulator has a step of its own; here a few of its seeds have to do.
    local -x TIDINGS_SEEDS="${TIDINGS_SEEDS:-100}" TIDINGS_LARGE_SEEDS="${TIDINGS_LARGE_SEEDS:-0}"
    local code=0
    # Nodes on hosts of their own have a step of their own, where nothing else runs beside them.
    local NATIVE=("${NATIVE[@]}" --exclude chaos)
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run "${NATIVE[@]}" --no-fail-fast || code=$?
        cargo test "${NATIVE[@]}" --no-fail-fast --doc || code=$?
    else
        cargo test "${NATIVE[@]}" --no-fail-fast || code=$?
    fi
    return "$code"
}

# Real processes on hosts of their own, two tests at once: each is a small cluster
# under load, and waits for most of its time.
run_chaos() {
    if [ "$(uname -s)" != Linux ] || [ "$(id -u)" -ne 0 ]; then
        say "chaos: hosts of their own need Linux and root: run script/test as root, or this step alone:" >&2
        say "    sudo -E env PATH=\"\$PATH\" script/test chaos" >&2
        return 1
    fi
    cargo test -p chaos --no-fail-fast -- --test-threads=2
}
