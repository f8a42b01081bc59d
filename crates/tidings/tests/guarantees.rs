//! The page of guarantees names tests that exist, and every planted bug.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in backticks on the page.
fn code(page: &str) -> Vec<&str> {
    page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// Whether a file has a test of this name: a function, a line of `planted_bugs!` or `corpora!`, or a browser test.
fn has_test(file: &str, name: &str) -> bool {
    let starts = [format!("fn {name}("), format!("{name}: ")];
    file.lines().map(str::trim_start).any(|line| {
        let line = line.trim_start_matches("pub ").trim_start_matches("async ");
        starts.iter().any(|start| line.starts_with(start.as_str())) || line.contains(&format!("test('{name}'"))
    })
}

#[test]
fn every_guard_on_the_page_exists() {
    let page = read("docs/GUARANTEES.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix("` |")?.split_once("` | `"));
    let files: BTreeMap<_, _> = rows.map(|(short, path)| (short, read(path))).collect();
    let guards: Vec<_> = code(&page).into_iter().filter_map(|code| code.split_once("::")).collect();
    assert!(
        files.len() > 20 && guards.len() > 100,
        "{} files and {} guards: the page is not read",
        files.len(),
        guards.len()
    );
    let missing: Vec<_> =
        guards.iter().filter(|(short, name)| !files.get(short).is_some_and(|file| has_test(file, name))).collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    let named: BTreeSet<_> = guards.iter().map(|(short, _)| *short).collect();
    let unused: Vec<_> = files.keys().filter(|short| !named.contains(*short)).collect();
    assert!(unused.is_empty(), "of these no test is named: {unused:?}");
}

#[test]
fn every_planted_bug_and_every_test_that_sees_one_is_on_the_page() {
    let page = read("docs/GUARANTEES.md");
    let on_page: BTreeSet<_> = code(&page).into_iter().collect();
    let plant = read("crates/tidings/src/plant.rs");
    let bugs = plant.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(','));
    let bugs: Vec<_> = bugs.filter(|bug| bug.chars().all(char::is_alphanumeric)).collect();
    let sees = |short: &str, path: &str| -> Vec<String> {
        let file = read(path);
        let names = file.lines().filter_map(|line| line.trim_start().split_once(": ").map(|(name, _)| name.to_owned()));
        names.filter(|name| name.starts_with("sees_")).map(|name| format!("{short}::{name}")).collect()
    };
    let mut wanted = sees("simulator", "crates/tidings/src/simulator/mod.rs");
    wanted.extend(sees("schedules", "crates/tidings/src/schedules/mod.rs"));
    assert!(bugs.len() > 20 && wanted.len() > 20, "{bugs:?} {wanted:?}: the sources are not read");
    wanted.extend(bugs.into_iter().map(str::to_owned));
    let missing: Vec<_> = wanted.iter().filter(|name| !on_page.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}
