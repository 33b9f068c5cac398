//! One word per idea. The banned ones are in tables of `docs/terms.md`, which people read and this module obeys.

use anyhow::{Context, bail};

use super::Finding;
use super::tree::{File, Tree};

const TERMS: &str = "docs/terms.md";
const WORDS: &str = "## Banned words";
const ENDINGS: &str = "## Banned endings of type names";

/// A row of a table: what not to write, what to write, and the paths (by prefix) where it may stand.
#[derive(Debug)]
struct Ban<'a> {
    word: &'a str,
    instead: &'a str,
    except: Vec<&'a str>,
}

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let terms = tree.text(TERMS).with_context(|| format!("{TERMS} is missing"))?;
    let (words, endings) = (table(terms, WORDS)?, table(terms, ENDINGS)?);
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| is_prose_or_code(file)) {
        for (number, line) in file.lines() {
            let spoken = words_of(line);
            let found = in_force(&words, file).find(|ban| says(&spoken, ban.word));
            let named =
                in_force(&endings, file).find(|ban| defined_type(line).is_some_and(|name| ends(name, ban.word)));
            for ban in found.into_iter().chain(named) {
                let text = format!("`{}` is not our word here: {} ({TERMS})", ban.word, ban.instead);
                findings.push(Finding::at(&file.path, number, text));
            }
        }
    }
    Ok(findings)
}

fn is_prose_or_code(file: &File) -> bool {
    file.path != TERMS
        && !file.path.starts_with(super::OWN)
        && (file.is_code() || matches!(file.extension(), "md" | "toml"))
}

fn in_force<'a>(bans: &'a [Ban<'a>], file: &'a File) -> impl Iterator<Item = &'a Ban<'a>> {
    bans.iter().filter(|ban| !ban.except.iter().any(|path| file.path.starts_with(path)))
}

/// The rows of the table under `heading`: `| word | instead | where allowed, by path prefix |`.
fn table<'a>(terms: &'a str, heading: &str) -> anyhow::Result<Vec<Ban<'a>>> {
    let after = terms.lines().skip_while(|line| *line != heading).skip(1);
    let section = after.take_while(|line| !line.starts_with("## "));
    let rows = section.filter(|line| line.starts_with('|')).skip(2);
    let mut bans = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [word, instead, except] = cells.as_slice() else {
            bail!("{TERMS}: the row `{row}` has not three cells");
        };
        let except = except.split(',').map(|path| path.trim().trim_matches('`')).filter(|path| !path.is_empty());
        bans.push(Ban { word: word.trim_matches('`'), instead, except: except.collect() });
    }
    if bans.is_empty() {
        bail!("{TERMS} has no table under `{heading}`");
    }
    Ok(bans)
}

/// The words of a line in lower case, `snake_case` and `CamelCase` names taken apart.
fn words_of(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in line.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Whether `banned` (one word or several) is among the words, in the singular or plural.
fn says(words: &[String], banned: &str) -> bool {
    let banned: Vec<&str> = banned.split(' ').collect();
    let same = |(word, banned): (&String, &&str)| word == banned || word.strip_suffix('s') == Some(banned);
    words.windows(banned.len()).any(|window| window.iter().zip(&banned).all(same))
}

/// The name of the type that the line defines.
fn defined_type(line: &str) -> Option<&str> {
    let mut parts = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|part| !part.is_empty());
    let is_keyword = |part: &str| matches!(part, "struct" | "enum" | "trait" | "type" | "class" | "interface");
    let starts_a_definition = |part: &str| is_keyword(part) || matches!(part, "pub" | "crate" | "super" | "export");
    let before = parts.find(|part| !starts_a_definition(part) || is_keyword(part))?;
    if is_keyword(before) { parts.next() } else { None }
}

fn ends(name: &str, ending: &str) -> bool {
    name.strip_suffix(ending).is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &str = "# Terms\n\n## Banned words\n\n| not | say | except |\n|---|---|---|\n\
        | `topic` | stream | `docs/mercure` |\n| `resume token` | event id | |\n\n\
        ## Banned endings of type names\n\n| not | say | except |\n|---|---|---|\n| `Manager` | what it does | |\n";

    fn findings(path: &str, text: &str) -> Vec<String> {
        let found = check(&Tree::of(&[(TERMS, TABLES), (path, text)])).unwrap();
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_banned_word_is_found_in_prose_and_inside_names() {
        for text in ["Each topic has", "let topics = 1;", "fn topic_name()", "struct TopicName;", "const TOPIC: u8"] {
            assert_eq!(
                findings("a.rs", text),
                ["a.rs:1: `topic` is not our word here: stream (docs/terms.md)"],
                "{text}"
            );
        }
        assert_eq!(findings("a.md", "the resume tokens\n").len(), 1);
    }

    #[test]
    fn other_words_and_allowed_places_are_left_alone() {
        assert_eq!(findings("a.rs", "isotopic topical resume the token\n"), [""; 0]);
        assert_eq!(findings("docs/mercure.md", "a topic\n"), [""; 0]);
        assert_eq!(findings("vectors.json", "\"topic\"\n"), [""; 0]);
    }

    #[test]
    fn a_type_with_a_banned_ending_is_found_where_it_is_defined() {
        assert_eq!(findings("a.rs", "pub(crate) struct StreamManager {\n").len(), 1);
        assert_eq!(findings("a.ts", "export class StreamManager {\n").len(), 1);
        assert_eq!(findings("a.rs", "let x = other::StreamManager::new();\nstruct Manager;\n"), [""; 0]);
    }

    #[test]
    fn terms_without_its_tables_are_an_error() {
        assert!(check(&Tree::of(&[(TERMS, "# Terms\n")])).is_err());
    }
}
