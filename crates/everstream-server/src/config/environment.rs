//! The environment layer: `EVERSTREAM_` and a key in capitals.

use std::collections::BTreeMap;

use super::KEYS;
use super::error::Source;
use super::layer::{Layer, Raw, nearest};

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
        let Some(word) = name.strip_prefix(PREFIX) else { continue };
        if name == CONFIG || is_of_platform(word) {
            continue;
        }
        match KEYS.iter().find(|key| variable(key.name) == *name) {
            Some(key) => {
                layer.insert(key.name, Raw { text: value.clone(), source: Source::Environment(name.clone()) });
            }
            None => {
                let hint = nearest(KEYS, &word.to_ascii_lowercase()).map_or("", |key| key.name);
                warnings.push(format!("environment {name} is no key; try {}", variable(hint)));
            }
        }
    }
    (layer, warnings)
}

/// What Kubernetes sets in every container of a namespace that has a service named `everstream`.
fn is_of_platform(word: &str) -> bool {
    word == "PORT" || word.starts_with("PORT_") || word.starts_with("SERVICE_")
}
