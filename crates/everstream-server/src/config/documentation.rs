//! `docs/configuration.md`, written from the key tables. `UPDATE_EXPECT=1 cargo test -p everstream-server documentation`
//! writes it anew.

use std::fmt::Write;

use expect_test::expect_file;

use super::environment::variable;
use super::{KEYS, Key, UPSTREAM_KEYS};

const INTRODUCTION: &str = "\
# Configuration

Defaults, then the file, then the environment, then the flags: the later one wins.

The file is `everstream.toml` in the working directory, or the one that `--config FILE` or `EVERSTREAM_CONFIG` names.
Every key of the first table is a variable of the environment too: `EVERSTREAM_` and the key in capitals, lists joined by commas.
A key the server does not know is an error in the file, and a warning in the environment.

Durations are written `500ms`, `15s`, `5m`, `1h 30m`, a hundred years (`876000h`) at most; sizes `20000`, `16KiB`, `32MiB`, `1GiB`.

This page is made from the key table in `crates/everstream-server/src/config.rs`; a test holds it to that.

";

const UPSTREAMS: &str = "
## Upstreams

`[upstreams.NAME]` mounts an upstream; these are its keys.
`[upstreams.NAME.headers]` adds headers to every request upstream, in place of what the caller sent; `${NAME}` in a value is taken from the environment, and no message shows a value.

```toml
[upstreams.openai]
mount = \"/openai\"
url = \"https://api.openai.com\"

[upstreams.openai.headers]
Authorization = \"Bearer ${OPENAI_API_KEY}\"
```

";

fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    table(&mut page, KEYS, |key| {
        let flag = key.flag.map(|flag| format!("`--{flag}`")).unwrap_or_default();
        format!("`{}` | {flag}", variable(key.name))
    });
    page.push_str(UPSTREAMS);
    table(&mut page, UPSTREAM_KEYS, |_| String::new());
    page
}

fn table(page: &mut String, keys: &[Key], names: impl Fn(&Key) -> String) {
    let is_top = keys.iter().any(|key| !names(key).is_empty());
    let (heads, rule) = if is_top { (" environment | flag |", "---|---|") } else { ("", "") };
    writeln!(page, "| key | value | default |{heads} what |\n|---|---|---|{rule}---|").unwrap();
    for key in keys {
        let default = match key.default {
            None => "required".to_owned(),
            Some("") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let names = if is_top { format!(" {} |", names(key)) } else { String::new() };
        writeln!(page, "| `{}` | {} | {default} |{names} {} |", key.name, key.kind, key.doc.trim()).unwrap();
    }
}

#[test]
fn the_documentation_lists_the_keys_as_they_are() {
    expect_file!["../../../../docs/configuration.md"].assert_eq(&markdown());
}
