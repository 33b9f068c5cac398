//! Watches the built page, which `protocols::page` embeds. It never builds the page: that is `make page`'s work.

use std::fs;
use std::path::Path;

fn main() {
    let built_page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/page/dist");
    // Cargo takes a watched path that is missing for one that changed each time, so a clean clone gets the folder
    // (git ignores it). Where it cannot be made, every build looks anew; nothing else is lost.
    let _ = fs::create_dir_all(&built_page);
    println!("cargo::rerun-if-changed={}", built_page.display());
}
