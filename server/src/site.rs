//! The files of the site: found beside the binary, so that it runs from any folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use leptos::config::{Env, LeptosOptions, ReloadWSProtocol};

use crate::config::Config;

/// As in the workspace's `metadata.leptos`.
const OUTPUT_NAME: &str = "tidings";
const PKG_DIR: &str = "pkg";
const HASH_FILE: &str = "hash.txt";
const RELOAD_PORT: u32 = 3009;

/// The site as it is served.
pub(crate) struct Site {
    pub(crate) options: LeptosOptions,
    pub(crate) root: PathBuf,
    /// Names the build: a page of another one offers to reload.
    pub(crate) build: String,
}

/// Finds the site's folder.
///
/// # Errors
/// Where none was built; the text says how to build one.
pub(crate) fn find(config: &Config) -> Result<Site, String> {
    let exe = std::env::current_exe().map_err(|error| format!("this binary cannot be found: {error}"))?;
    let beside = exe.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let root = match &config.site_root {
        Some(root) => Some(root.clone()),
        None => candidates(&beside).into_iter().find(|root| root.join(PKG_DIR).is_dir()),
    };
    let root = root.filter(|root| root.join(PKG_DIR).is_dir()).ok_or_else(|| {
        "the site's files are not there: build them with `cargo leptos build --release`, or say where they are with \
         TIDINGS_SITE_ROOT"
            .to_owned()
    })?;
    let hash_file = beside.join(HASH_FILE);
    let hashes = fs::read_to_string(&hash_file).ok();
    let watched = std::env::var_os("LEPTOS_WATCH").is_some();
    let options = LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root(root.to_string_lossy().into_owned())
        .site_pkg_dir(PKG_DIR)
        .env(if watched { Env::DEV } else { Env::PROD })
        .site_addr(config.addr())
        .reload_port(env_number("LEPTOS_RELOAD_PORT").unwrap_or(RELOAD_PORT))
        .reload_external_port(env_number("LEPTOS_RELOAD_EXTERNAL_PORT"))
        .reload_ws_protocol(ReloadWSProtocol::WS)
        .hash_file(HASH_FILE.into())
        .hash_files(hashes.is_some())
        .build();
    // The hashes change with every file of the page; without any, the version has to do.
    let build = hashes.map_or_else(
        || env!("CARGO_PKG_VERSION").to_owned(),
        |hashes| hashes.split_whitespace().filter(|word| !word.ends_with(':')).collect::<Vec<_>>().join("-"),
    );
    Ok(Site { options, root, build })
}

/// Beside the binary where it is installed, beside its profile's folder where cargo built it, and what cargo leptos says.
fn candidates(beside: &Path) -> Vec<PathBuf> {
    let told = std::env::var_os("LEPTOS_SITE_ROOT").map(PathBuf::from);
    [Some(beside.join("site")), beside.parent().map(|above| above.join("site")), told].into_iter().flatten().collect()
}

fn env_number(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}
