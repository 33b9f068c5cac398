//! The environment layer: `EVERSTREAM_` and a key in capitals.

use std::collections::BTreeMap;

use super::KEYS;
use super::error::Source;
use super::layer::{Layer, Raw, find_key};

/// What every variable of ours begins with.
pub(super) const PREFIX: &str = "EVERSTREAM_";

/// Names the file, as `--config` does.
pub(super) const CONFIG: &str = "EVERSTREAM_CONFIG";

/// The variable of the key `name`.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// What `environment` says, and a warning for every variable of ours that is no key. A warning and no error, because
/// container platforms set variables after the names of services.
pub(super) fn read(environment: &BTreeMap<String, String>) -> (Layer, Vec<String>) {
    let mut layer = Layer::new();
    let mut warnings = Vec::new();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX).filter(|_| name != CONFIG) else { continue };
        match find_key(KEYS, &key.to_ascii_lowercase()) {
            Ok(known) => {
                layer.insert(known.name, Raw { text: value.clone(), source: Source::Environment(name.clone()) });
            }
            Err(hint) => warnings.push(format!(
                "environment {name} is no key{}",
                hint.to_ascii_uppercase().replace("; TRY ", "; try EVERSTREAM_")
            )),
        }
    }
    (layer, warnings)
}
