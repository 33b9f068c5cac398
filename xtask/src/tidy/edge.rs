//! Which crate may use which. The table is the architecture: a new row or edge is an ADR.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::Value;

use super::Finding;

/// Every crate of the workspace and the workspace crates it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("everstream-codec", &[]),
    ("everstream-log", &[]),
    ("everstream-log-disk", &["everstream-log"]),
    // For tests only; takes the place of libc's file functions in whatever links it (docs/adr/0010).
    ("everstream-crash", &["everstream-log", "everstream-log-disk"]),
    ("everstream-hub", &["everstream-log", "everstream-codec"]),
    ("everstream-gateway", &["everstream-hub", "everstream-codec", "everstream-log"]),
    (
        "everstream-server",
        &["everstream-hub", "everstream-gateway", "everstream-log", "everstream-log-disk", "everstream-codec"],
    ),
    ("everstream-client", &["everstream-codec"]),
    ("everstream", &["everstream-server", "everstream-client", "everstream-codec"]),
    // The load stands outside: it knows the server by its address. Only the decoder is measured in memory
    // (docs/adr/0014).
    ("everstream-benches", &["everstream-codec"]),
    ("xtask", &[]),
];

/// The tests' crate may use every other; every other may use it in its tests, and only there.
const TESTKIT: &str = "everstream-testkit";

/// One workspace crate's use of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edge {
    from: String,
    /// The manifest of `from`, relative to the root.
    manifest: String,
    /// `None` for the entry that only says that the crate is there.
    to: Option<String>,
    in_tests_only: bool,
}

/// The edges between the crates of the workspace at `root`, as cargo sees them.
pub(super) fn read(root: &Path) -> anyhow::Result<Vec<Edge>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    parse(&serde_json::from_slice(&output.stdout)?)
}

fn parse(metadata: &Value) -> anyhow::Result<Vec<Edge>> {
    let mut edges = Vec::new();
    let root = text(metadata, "workspace_root")?;
    for package in array(metadata, "packages")? {
        let from = text(package, "name")?;
        let manifest = text(package, "manifest_path")?;
        let manifest = manifest.trim_start_matches(&root).trim_start_matches('/').to_owned();
        edges.push(Edge { from: from.clone(), manifest: manifest.clone(), to: None, in_tests_only: false });
        // Only a dependency by path is one of ours.
        for dependency in array(package, "dependencies")?.iter().filter(|one| one["path"].is_string()) {
            let in_tests_only = dependency["kind"].as_str() == Some("dev");
            let to = Some(text(dependency, "name")?);
            edges.push(Edge { from: from.clone(), manifest: manifest.clone(), to, in_tests_only });
        }
    }
    Ok(edges)
}

fn array<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("cargo metadata has no list `{key}`"))
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    Ok(value[key].as_str().with_context(|| format!("cargo metadata has no text `{key}`"))?.to_owned())
}

pub(super) fn check(edges: &[Edge]) -> Vec<Finding> {
    edges.iter().filter_map(judge).collect()
}

fn judge(edge: &Edge) -> Option<Finding> {
    let Edge { from, manifest, to, in_tests_only } = edge;
    if from == TESTKIT {
        return None;
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| name == from) else {
        let text =
            format!("{from} is not in the table of allowed edges (xtask/src/tidy/edge.rs): a new crate is an ADR");
        return to.is_none().then(|| Finding::in_file(manifest, text));
    };
    let to = to.as_deref()?;
    if allowed.contains(&to) || (to == TESTKIT && *in_tests_only) {
        return None;
    }
    let text = match (to, allowed) {
        (TESTKIT, _) => format!("{from} may use {TESTKIT} in its tests only: move it to [dev-dependencies]"),
        (_, []) => format!("{from} may not use {to}, nor any crate of ours: a new edge is an ADR"),
        (_, allowed) => format!("{from} may not use {to} but only {}: a new edge is an ADR", allowed.join(", ")),
    };
    Some(Finding::in_file(manifest, text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, uses: &[(&str, Value)]) -> Value {
        let dependency = |(name, kind): &(&str, Value)| json!({"name": name, "kind": kind, "path": "somewhere"});
        let uses: Vec<Value> = uses.iter().map(dependency).collect();
        json!({"name": name, "manifest_path": format!("/r/crates/{name}/Cargo.toml"), "dependencies": uses})
    }

    fn findings(package: &Value) -> Vec<String> {
        let edges = parse(&json!({"workspace_root": "/r", "packages": [package]})).unwrap();
        check(&edges).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_codec_may_use_none_of_ours() {
        assert_eq!(
            findings(&package("everstream-codec", &[("everstream-log", Value::Null)])),
            [concat!(
                "crates/everstream-codec/Cargo.toml: everstream-codec may not use everstream-log, ",
                "nor any crate of ours: a new edge is an ADR"
            )],
        );
    }

    #[test]
    fn a_known_crate_is_told_what_it_may_use() {
        let found = findings(&package("everstream-client", &[("everstream-hub", Value::Null)]));
        assert!(found[0].contains("may not use everstream-hub but only everstream-codec"), "{found:?}");
    }

    #[test]
    fn allowed_edges_and_other_peoples_crates_are_no_finding() {
        let mut outside = package("everstream-client", &[("bytes", Value::Null)]);
        outside["dependencies"][0]["path"] = Value::Null;
        assert_eq!(findings(&outside), [""; 0]);
        assert_eq!(findings(&package("everstream-hub", &[("everstream-log", Value::Null)])), [""; 0]);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        assert_eq!(findings(&package("everstream-hub", &[(TESTKIT, json!("dev"))])), [""; 0]);
        let found = findings(&package("everstream-hub", &[(TESTKIT, Value::Null)]));
        assert!(found[0].ends_with("move it to [dev-dependencies]"), "{found:?}");
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_is_found() {
        let found = findings(&package("everstream-magic", &[("everstream-hub", Value::Null)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("not in the table"), "{found:?}");
    }
}
