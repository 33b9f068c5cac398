//! How long a file may be. Functions are clippy's (`too_many_lines`, which the lint rule keeps on).

use super::Finding;
use super::tree::{File, Tree};

/// From here on a reviewer asks for the second noun.
const CODE_LINES_NOTED: usize = 400;
/// From here on tidy refuses.
const CODE_LINES_MAX: usize = 600;

/// Files that may be longer than [`CODE_LINES_MAX`], each with its reason (a table, never logic).
const LONG: &[(&str, &str)] = &[];

/// Documents that must stay short enough to be read.
const DOCUMENTS: &[(&str, usize)] = &[("README.md", 120), ("ARCHITECTURE.md", 250), ("AGENTS.md", 80)];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().iter().filter_map(too_long).collect()
}

fn too_long(file: &File) -> Option<Finding> {
    let max = match DOCUMENTS.iter().find(|(path, _)| *path == file.path) {
        Some((_, max)) => *max,
        None if file.is_code() && !LONG.iter().any(|(path, _)| *path == file.path) => CODE_LINES_MAX,
        None => return None,
    };
    let lines = file.text.lines().count();
    (lines > max).then(|| Finding::in_file(&file.path, format!("{lines} lines; at most {max}")))
}

/// The files that are worth a look, longest first.
pub(super) fn warnings(tree: &Tree) -> Vec<String> {
    let code = tree.files().iter().filter(|file| file.is_code());
    let mut long: Vec<(usize, &str)> = code.map(|file| (file.text.lines().count(), file.path.as_str())).collect();
    long.retain(|&(lines, _)| lines > CODE_LINES_NOTED);
    long.sort_unstable_by(|a, b| b.cmp(a));
    long.iter().map(|(lines, path)| format!("{path}: {lines} lines: is there a second noun in it?")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_above_the_bound_is_refused_and_other_text_is_not() {
        let long = "x\n".repeat(CODE_LINES_MAX + 1);
        let tree = Tree::of(&[("a.rs", &long), ("b.vue", &long), ("vectors.json", &long)]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["a.rs: 601 lines; at most 600", "b.vue: 601 lines; at most 600"]);
        assert_eq!(check(&Tree::of(&[("a.rs", &"x\n".repeat(CODE_LINES_MAX))])), []);
    }

    #[test]
    fn a_readme_has_a_bound_of_its_own() {
        assert_eq!(check(&Tree::of(&[("README.md", &"x\n".repeat(121))])).len(), 1);
        assert_eq!(check(&Tree::of(&[("examples/README.md", &"x\n".repeat(121))])), []);
    }

    #[test]
    fn long_files_are_noted_longest_first() {
        let tree = Tree::of(&[("a.rs", &"x\n".repeat(401)), ("b.rs", &"x\n".repeat(500)), ("c.rs", "x\n")]);
        let noted = warnings(&tree);
        assert_eq!(noted.len(), 2);
        assert!(noted[0].starts_with("b.rs: 500 lines"), "{noted:?}");
    }
}
