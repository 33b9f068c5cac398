//! Tests never sleep, are never skipped and never retried: a test that needs that is not sure of what it shows.

use super::Finding;
use super::tree::{File, Tree};

/// Files whose tests may do what is refused elsewhere, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let excepted = |file: &File| EXCEPTIONS.iter().any(|(path, _)| *path == file.path);
    let judged = |file: &&File| !excepted(file) && !file.path.starts_with(super::OWN);
    tree.files().iter().filter(judged).flat_map(judge).collect()
}

fn judge(file: &File) -> Vec<Finding> {
    let marks = marks(file.extension());
    let from = first_test_line(file);
    let mut findings = Vec::new();
    for (number, line) in file.lines().skip_while(|(number, _)| *number < from) {
        if let Some((mark, instead)) = marks.iter().find(|(mark, _)| calls(line, mark)) {
            findings.push(Finding::at(&file.path, number, format!("`{mark}` in a test: {instead}")));
        }
    }
    findings
}

/// What a test of this language must not have, and what to do instead.
fn marks(extension: &str) -> &'static [(&'static str, &'static str)] {
    const WAIT: &str = "wait for a signal or advance a paused clock";
    const RUN: &str = "repair it or take it out";
    match extension {
        "rs" => &[("sleep(", WAIT), ("sleep_until(", WAIT), ("#[ignore", RUN)],
        "py" => &[("time.sleep(", WAIT), ("pytest.mark.skip", RUN), ("pytest.mark.xfail", RUN), ("pytest.skip(", RUN)],
        "ts" | "mjs" | "js" => &[
            ("waitForTimeout(", WAIT),
            ("it.skip(", RUN),
            ("test.skip(", RUN),
            ("describe.skip(", RUN),
            (".only(", RUN),
        ],
        _ => &[],
    }
}

/// Whether `mark` stands in `line` as a call or attribute of that very name, outside a comment.
fn calls(line: &str, mark: &str) -> bool {
    let code = line.split("//").next().unwrap_or(line);
    code.match_indices(mark).any(|(at, _)| {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '"'))
    })
}

/// The line its tests start at; past the end when it has none.
fn first_test_line(file: &File) -> usize {
    let in_test_folder = file.path.split('/').any(|part| matches!(part, "tests" | "test" | "e2e"));
    let named_as_test = ["tests.rs", ".test.ts", ".spec.ts"].iter().any(|ending| file.path.ends_with(ending));
    if in_test_folder || named_as_test {
        return 1;
    }
    let first =
        file.lines().find(|(_, line)| line.trim_start().starts_with("#[cfg(test)]") || line.contains("#[ignore"));
    first.map_or(usize::MAX, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_sleeping_test_is_found_and_a_sleeping_server_is_not() {
        let server =
            "fn a() { tokio::time::sleep(PAUSE).await }\n#[cfg(test)]\nmod tests {\n time::sleep(x).await;\n}\n";
        assert_eq!(lines_found("src/a.rs", server), [4]);
        assert_eq!(lines_found("tests/a.rs", "thread::sleep(x);\n"), [1]);
        assert_eq!(lines_found("tests/sdk/test_a.py", "x = 1\ntime.sleep(1)\n"), [2]);
        assert_eq!(lines_found("web/page/e2e/a.ts", "await page.waitForTimeout(5)\n"), [1]);
    }

    #[test]
    fn words_that_only_look_like_sleep_are_left_alone() {
        assert_eq!(lines_found("tests/a.rs", "// never sleep(\nno_sleep();\nasleep();\n"), [0; 0]);
    }

    #[test]
    fn a_skipped_test_is_found_wherever_it_is() {
        let skipped = format!("#[test]\n#[{}]\nfn a() {{}}\n", "ignore");
        assert_eq!(lines_found("src/a.rs", &skipped), [2]);
        assert_eq!(lines_found("web/a.test.ts", "it.skip('a', () => {})\n"), [1]);
    }
}
