//! The tables of the documentation, from the recorded results and from nothing else.
//!
//! A table stands between `<!-- recorded: NAME -->` and `<!-- end -->`, and is written anew.

use std::fs;

use anyhow::{Context as _, Result};

use crate::result::{Circumstances, Recorded, read};

/// What has tables in it, from the project's directory.
const DOCUMENT: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- recorded: ";
const BEGIN_ENDS: &str = " -->\n";
const END: &str = "<!-- end -->";

/// Writes every table anew.
pub(crate) fn write_tables() -> Result<()> {
    let text = fs::read_to_string(DOCUMENT).with_context(|| format!("cannot read {DOCUMENT}"))?;
    fs::write(DOCUMENT, with_tables(&text, &read()?)?)?;
    println!("{DOCUMENT}");
    Ok(())
}

/// `text` with the tables of `results`.
fn with_tables(text: &str, results: &[Recorded]) -> Result<String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once(BEGIN_ENDS).context("a table's first line has no end")?;
        let (_, after) = after.split_once(END).with_context(|| format!("the table of {name} has no {END}"))?;
        let result = results.iter().find(|result| result.definition == name);
        let result = result.with_context(|| format!("no result of {name}: make bench BENCH={name} ARGS=--record"))?;
        written.extend([before, BEGIN, name, BEGIN_ENDS, &section(result), END]);
        rest = after;
    }
    Ok(written + rest)
}

/// The table and what belongs to it.
fn section(recorded: &Recorded) -> String {
    let Circumstances { date, commit, .. } = &recorded.circumstances;
    let mut section = format!("{}\nAt `{commit}` on {date}: {}.\n", recorded.table(), recorded.workload);
    for left_out in &recorded.left_out {
        section += &format!("Left out: {}, {}: {}.\n", left_out.server, left_out.case, left_out.reason);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::tests::recorded;

    const BEFORE: &str = "# Title\n\n<!-- recorded: small -->\nold\n<!-- end -->\n\nbehind\n";

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let written = with_tables(BEFORE, &[recorded("small", 2.5)]).unwrap();
        assert!(written.starts_with("# Title\n\n<!-- recorded: small -->\n|"), "{written}");
        assert!(written.contains(" 2.50 |") && !written.contains("old"), "{written}");
        assert!(written.ends_with("<!-- end -->\n\nbehind\n"), "{written}");
        assert_eq!(with_tables(&written, &[recorded("small", 2.5)]).unwrap(), written);
    }

    #[test]
    fn a_table_without_a_result_says_which_command_makes_one() {
        let error = with_tables(BEFORE, &[]).unwrap_err().to_string();
        assert!(error.contains("make bench BENCH=small"), "{error}");
    }

    #[test]
    fn every_table_of_the_documentation_is_of_its_recorded_result() {
        let text = include_str!("../../docs/benchmarks.md");
        let written = with_tables(text, &crate::result::tests::all_recorded()).unwrap();
        assert!(written == text, "run make bench-plots: a table in docs/benchmarks.md is not what is recorded");
    }
}
