//! The house rules: one module a rule, each a function from the tree (or a manifest) to findings.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

mod edge;
mod layout;
mod length;
mod link;
mod lint;
mod local_path;
mod test_habit;
mod tree;
mod word;

use tree::Tree;

/// The rules' own folder: its tests quote what the rules about words and tests refuse.
const OWN: &str = "xtask/src/tidy/";

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    text: String,
}

impl Finding {
    fn in_file(path: &str, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 0, text: text.into() }
    }

    fn at(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// Checks the workspace at `root`, prints what it found and fails when there was anything.
///
/// # Errors
/// When `git`, `cargo metadata` or a manifest cannot be read: then nothing is known about the rules.
pub(crate) fn run(root: &Path, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let tree = Tree::read(root)?;
    let findings = check(&tree, &edge::read(root)?)?;
    for warning in length::warnings(&tree) {
        writeln!(out, "note: {warning}")?;
    }
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    if findings.is_empty() {
        writeln!(out, "tidy: {} files keep the house rules", tree.files().len())?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "tidy: {} findings", findings.len())?;
    Ok(ExitCode::FAILURE)
}

fn check(tree: &Tree, edges: &[edge::Edge]) -> anyhow::Result<Vec<Finding>> {
    let mut findings = edge::check(edges);
    findings.extend(layout::check(tree)?);
    findings.extend(length::check(tree));
    findings.extend(link::check(tree));
    findings.extend(lint::check(tree)?);
    findings.extend(local_path::check(tree));
    findings.extend(test_habit::check(tree));
    findings.extend(word::check(tree)?);
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_like_a_compiler_message() {
        assert_eq!(Finding::at("a.rs", 3, "too long").to_string(), "a.rs:3: too long");
        assert_eq!(Finding::in_file("a.rs", "too long").to_string(), "a.rs: too long");
    }
}
