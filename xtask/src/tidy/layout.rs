//! What must be where: files every reader looks for, and what every crate must say of itself.

use anyhow::Context;
use toml::Table;

use super::Finding;
use super::tree::{File, Tree};

/// Files that documents, tools and readers rely on.
const REQUIRED: &[&str] = &[
    "AGENTS.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "deny.toml",
    "docs/adr/README.md",
    "docs/protocols/problems.md",
    "docs/terms.md",
];

/// The crate that defines symbols of libc, which is unsafe: `docs/adr/0010-crash-simulation.md`.
const UNSAFE: &str = "crates/everstream-crash/Cargo.toml";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = missing(tree);
    for file in tree.files() {
        match file.name() {
            "mod.rs" => {
                findings.push(Finding::in_file(&file.path, "name the module's file after it, beside its folder"))
            }
            "Cargo.toml" => findings.extend(manifest(tree, file)?),
            _ => {}
        }
    }
    Ok(findings)
}

fn missing(tree: &Tree) -> Vec<Finding> {
    let absent = REQUIRED.iter().filter(|path| tree.text(path).is_none());
    absent.map(|path| Finding::in_file(path, "this file must be there")).collect()
}

fn manifest(tree: &Tree, file: &File) -> anyhow::Result<Vec<Finding>> {
    let manifest: Table = file.text.parse().with_context(|| format!("{} is not TOML", file.path))?;
    if !manifest.contains_key("package") {
        return Ok(Vec::new());
    }
    let mut findings = Vec::new();
    // A folder with a workspace of its own (fuzzing needs other compiler flags) has its own lints.
    let is_ours = !manifest.contains_key("workspace");
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
    if is_ours && lints != Some(true) && !has_all_but_unsafe(tree, file, &manifest)? {
        findings.push(Finding::in_file(&file.path, "add `[lints]` with `workspace = true`"));
    }
    let folder = file.path.trim_end_matches("Cargo.toml");
    let roots = ["src/lib.rs", "src/main.rs"].map(|root| format!("{folder}{root}"));
    for root in roots {
        if tree.text(&root).is_some_and(|text| !text.starts_with("//! ")) {
            findings.push(Finding::at(&root, 1, "open with `//!`: what the crate is and what it refuses to know"));
        }
    }
    Ok(findings)
}

/// Whether the one crate that may allow `unsafe_code` in a module has all other lints of the workspace.
fn has_all_but_unsafe(tree: &Tree, file: &File, manifest: &Table) -> anyhow::Result<bool> {
    if file.path != UNSAFE {
        return Ok(false);
    }
    let workspace: Table = tree.text("Cargo.toml").unwrap_or_default().parse().context("Cargo.toml is not TOML")?;
    let mut lints = workspace.get("workspace").and_then(|workspace| workspace.get("lints")).cloned();
    let rust = lints.as_mut().and_then(|lints| lints.get_mut("rust")).and_then(toml::Value::as_table_mut);
    if let Some(rust) = rust {
        rust.insert("unsafe_code".to_owned(), "deny".into());
    }
    Ok(lints.is_some() && manifest.get("lints") == lints.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let found = check(&Tree::of(files)).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        found.into_iter().filter(|text| !text.ends_with("this file must be there")).collect()
    }

    #[test]
    fn a_missing_document_is_found() {
        let found = missing(&Tree::of(&[("README.md", ""), ("LICENSE", "")]));
        assert_eq!(found.len(), REQUIRED.len() - 2);
        assert_eq!(found[0].to_string(), "AGENTS.md: this file must be there");
    }

    #[test]
    fn mod_rs_is_found() {
        assert_eq!(findings(&[("crates/a/src/b/mod.rs", "")]).len(), 1);
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        assert_eq!(
            findings(&[("crates/a/Cargo.toml", "[package]\nname = \"a\"\n")]),
            ["crates/a/Cargo.toml: add `[lints]` with `workspace = true`"],
        );
        assert_eq!(findings(&[("crates/a/Cargo.toml", "[package]\n[lints]\nworkspace = true")]), [""; 0]);
        assert_eq!(
            findings(&[("Cargo.toml", "[workspace]\n"), ("fuzz/Cargo.toml", "[package]\n[workspace]")]),
            [""; 0]
        );
    }

    #[test]
    fn the_crate_with_unsafe_code_has_all_other_lints() {
        let workspace = ("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nothers = \"warn\"\n");
        let has = "[package]\n[lints.rust]\nunsafe_code = \"deny\"\nothers = \"warn\"\n";
        assert_eq!(findings(&[workspace, (UNSAFE, has)]), [""; 0]);
        assert_eq!(findings(&[workspace, (UNSAFE, &has.replace("others", "other"))]).len(), 1);
        assert_eq!(findings(&[workspace, ("crates/a/Cargo.toml", has)]).len(), 1);
    }

    #[test]
    fn a_crate_that_does_not_say_what_it_is_is_found() {
        let manifest = ("crates/a/Cargo.toml", "[package]\n[lints]\nworkspace = true");
        assert_eq!(findings(&[manifest, ("crates/a/src/lib.rs", "//! What it is.\n")]), [""; 0]);
        assert_eq!(findings(&[manifest, ("crates/a/src/main.rs", "fn main() {}\n")]).len(), 1);
    }
}
