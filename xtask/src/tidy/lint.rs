//! The lints that hold the habits must stay on: taking one out of the workspace is a decision, not an edit.

use anyhow::Context;
use toml::Table;

use super::Finding;
use super::tree::Tree;

/// Lints of `[workspace.lints]` by their tool.
const REQUIRED: &[(&str, &[&str])] = &[
    ("rust", &["unsafe_code", "unreachable_pub", "missing_debug_implementations"]),
    (
        "clippy",
        &[
            "allow_attributes",
            "await_holding_lock",
            "dbg_macro",
            "expect_used",
            "indexing_slicing",
            "large_futures",
            "print_stderr",
            "print_stdout",
            "todo",
            "too_many_lines",
            "unimplemented",
            "unwrap_used",
        ],
    ),
];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let text = tree.text("Cargo.toml").context("the workspace has no Cargo.toml")?;
    let manifest: Table = text.parse().context("Cargo.toml is not TOML")?;
    let lints = manifest.get("workspace").and_then(|workspace| workspace.get("lints"));
    let mut findings = Vec::new();
    for (tool, required) in REQUIRED {
        let on = lints.and_then(|lints| lints.get(tool)).and_then(toml::Value::as_table);
        for lint in required.iter().filter(|lint| !on.is_some_and(|on| on.contains_key(**lint))) {
            findings.push(Finding::in_file("Cargo.toml", format!("[workspace.lints.{tool}] has lost `{lint}`")));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lint_that_was_taken_out_is_found() {
        let mut text = String::from("[workspace]\n");
        for (tool, lints) in REQUIRED {
            text += &format!("[workspace.lints.{tool}]\n");
            lints.iter().for_each(|lint| text += &format!("{lint} = \"warn\"\n"));
        }
        assert_eq!(check(&Tree::of(&[("Cargo.toml", &text)])).unwrap(), []);
        let without = text.replace("too_many_lines = \"warn\"\n", "");
        let found = check(&Tree::of(&[("Cargo.toml", &without)])).unwrap();
        assert_eq!(found[0].to_string(), "Cargo.toml: [workspace.lints.clippy] has lost `too_many_lines`");
    }
}
