//! No file names a place of somebody's machine: it is of no use anywhere else.

use super::Finding;
use super::tree::Tree;

/// First folders of absolute paths that exist on one machine only.
const PLACES: [&str; 4] = ["home", "root", "tmp", "work"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let places = PLACES.map(|folder| format!("/{folder}/"));
    let mut findings = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            if let Some(place) = places.iter().find(|place| names(line, place)) {
                let text =
                    format!("names a place of one machine (`{place}…`): use a relative path or a temporary folder");
                findings.push(Finding::at(&file.path, number, text));
            }
        }
    }
    findings
}

/// Whether an absolute path in `line` starts with `place`: what stands before it is no part of a longer path or URL.
fn names(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '}' | '/' | '*' | ')'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_of_one_machine_is_found() {
        for folder in PLACES {
            let line = format!("see \"/{folder}/someone/notes\"\n");
            let found = check(&Tree::of(&[("docs/a.md", &line)]));
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!((found[0].path.as_str(), found[0].line), ("docs/a.md", 1));
        }
    }

    #[test]
    fn part_of_another_path_or_url_is_no_place() {
        for folder in PLACES {
            let behind = ["https://example.com", "web", "$DIR", "${TMP}"].map(|before| format!("{before}/{folder}/x"));
            for line in behind.into_iter().chain([format!("at /{folder}stead/x")]) {
                assert_eq!(check(&Tree::of(&[("a.md", &line)])), [], "{line}");
            }
        }
    }
}
