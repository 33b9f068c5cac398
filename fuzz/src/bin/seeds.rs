//! Writes the shared vectors as seeds into `corpus/decode` and `corpus/append`.

// The coverage counters of this build want libFuzzer linked, though nothing here runs under it.
use libfuzzer_sys as _;

use std::error::Error;
use std::{fs, path::Path};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = fs::read_to_string(root.join("../conformance/vectors/decode.json"))?;
    let cases: Vec<Value> = serde_json::from_str(&vectors)?;
    for target in ["decode", "append"] {
        let corpus = root.join("corpus").join(target);
        fs::create_dir_all(&corpus)?;
        for (n, case) in cases.iter().enumerate() {
            // The first byte says how the rest is cut.
            let mut seed = vec![u8::try_from(n % 256)?];
            seed.extend(input(case)?);
            fs::write(corpus.join(format!("vector-{n:03}")), seed)?;
        }
    }
    println!("{} seeds for each target", cases.len());
    Ok(())
}

fn input(case: &Value) -> Result<Vec<u8>, Box<dyn Error>> {
    if let Some(text) = case["text"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let hex = case["hex"].as_str().ok_or("a case has text or hex")?;
    hex.as_bytes().chunks(2).map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}
