//! Has the linker lay the functions that run side by side, by the list in `functions.txt`: a page of the program that is
//! touched for one function brings sixteen into memory, and without an order what runs is spread over all of them.

#![expect(clippy::disallowed_methods, reason = "Cargo tells a build script everything by the environment")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// Made by `make function-order`: a blank line between what runs at a start only, then and later, and later only.
const LIST: &str = "functions.txt";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={LIST}");
    if !is_laid_out() {
        return Ok(());
    }
    let script = Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("functions.ld");
    fs::write(&script, script_of(&fs::read_to_string(LIST)?))?;
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    Ok(())
}

/// Whether the program is optimised, and linked by the linker that Rust brings for its target and not by a chosen one,
/// which may not know what the script says. There are many ways to choose one (`-Clinker`, `-Clink-arg=-fuse-ld=…` or
/// `-B…`), so that any word on linking counts as one.
fn is_laid_out() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    is("TARGET", "x86_64-unknown-linux-gnu")
        && is("OPT_LEVEL", "3")
        && env::var_os("RUSTC_LINKER").is_none()
        && !flags.contains("link")
}

/// What is on the list first, then all the rest. A name that is not there any more matches nothing.
fn script_of(list: &str) -> String {
    let mut script = "SECTIONS {\n  .text : {\n".to_owned();
    for group in list.split("\n\n") {
        script.push_str("    *(");
        for name in group.lines() {
            // What the compiler takes for hot or cold has a prefix of its own.
            let _ = write!(script, "\n      .text.{name} .text.hot.{name} .text.unlikely.{name}");
        }
        script.push_str("\n    )\n");
    }
    script.push_str("    *(.text .text.*)\n  }\n}\nINSERT BEFORE .init;\n");
    script
}
