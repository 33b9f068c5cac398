//! What a good event stream server shows on the wire, case by case.
//!
//! `docs/protocols/sse-server-cases.md` lists every case (`SC-nn`), its test here and, where there is none, why.

mod connections;
mod cors;
mod encoding;
mod framing;
mod head;
mod keep_alive;
mod limits;
mod methods;
mod negotiation;
mod pipelining;
mod resuming;
mod smuggling;

const TABLE: &str = include_str!("../../../../docs/protocols/sse-server-cases.md");

#[test]
fn table_of_cases_names_only_tests_that_exist() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let sources: String =
        rust_files(directory.as_ref()).iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let named =
        TABLE.lines().filter(|line| line.starts_with("| SC-")).flat_map(|line| line.split('`').skip(1).step_by(2));
    let missing: Vec<_> = named
        .filter(|name| {
            name.len() > 25 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        .filter(|name| !sources.contains(&format!("fn {name}()")))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn rust_files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.into_iter().chain(directories.iter().flat_map(|inner| rust_files(inner))).collect()
}
