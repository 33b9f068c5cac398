//! Documents point at what is there: their relative links, and the files they name from the root.

use super::Finding;
use super::tree::{File, Tree};

/// What a named file ends with; other words between backticks are no files.
const FILES: [&str; 6] = [".rs", ".md", ".toml", ".sh", ".mjs", ".json"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.files().iter().filter(|file| file.extension() == "md");
    documents.flat_map(|document| judge(tree, document)).collect()
}

fn judge(tree: &Tree, document: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in document.lines() {
        let linked = between(line, "](", ")").filter_map(|link| target(&document.path, link));
        let named = between(line, "`", "`").filter(|word| names_a_file(tree, word)).map(str::to_owned);
        for path in linked.chain(named).filter(|path| !is_there(tree, path)) {
            findings.push(Finding::at(&document.path, number, format!("points at {path}, which is not there")));
        }
    }
    findings
}

/// What stands between each `open` and the `close` after it.
fn between<'a>(line: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(open)?;
        let (inside, behind) = after.split_once(close)?;
        rest = behind;
        Some(inside)
    })
}

/// The path from the root that a link of `document` means; none for places on the web and within the document.
fn target(document: &str, link: &str) -> Option<String> {
    let path = link.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") {
        return None;
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether `word` is a path from the root: its first folder is one of ours and it ends as a file does.
fn names_a_file(tree: &Tree, word: &str) -> bool {
    let Some((folder, _)) = word.split_once('/') else { return false };
    let is_path = !word.contains(|c: char| c.is_whitespace() || matches!(c, '*' | '{' | '<'));
    let is_ours = tree.files().iter().any(|file| file.path.split('/').next() == Some(folder));
    is_path && is_ours && FILES.iter().any(|ending| word.ends_with(ending))
}

/// Whether `path` is a file or a folder of the tree.
fn is_there(tree: &Tree, path: &str) -> bool {
    let inside = format!("{path}/");
    tree.files().iter().any(|file| file.path == path || file.path.starts_with(&inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let files = [(path, text), ("docs/terms.md", ""), ("crates/a/src/lib.rs", "//! A.\n")];
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        assert_eq!(
            findings("README.md", "\n[x](docs/none.md)"),
            ["README.md:2: points at docs/none.md, which is not there"]
        );
        assert_eq!(findings("docs/adr/a.md", "[x](../none.md)").len(), 1);
    }

    #[test]
    fn links_that_arrive_and_places_on_the_web_are_left_alone() {
        let text = "[a](docs/terms.md#x) [b](docs) [c](https://example.com/x.md) [d](#here)";
        assert_eq!(findings("README.md", text), [""; 0]);
        assert_eq!(findings("docs/adr/a.md", "[x](../terms.md)"), [""; 0]);
    }

    #[test]
    fn a_named_file_that_has_moved_is_found() {
        assert_eq!(findings("A.md", "see `crates/a/src/lib.rs`, `crates/a/src/old.rs`").len(), 1);
    }

    #[test]
    fn other_words_between_backticks_are_no_files() {
        assert_eq!(findings("A.md", "`v1/x.json` `lib.rs` `crates/*/Cargo.toml` `make check test`"), [""; 0]);
    }
}
