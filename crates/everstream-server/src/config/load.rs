//! The one place that reads the process's environment and the configuration file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::environment::CONFIG;
use super::error::ConfigError;
use super::file::FileText;
use super::flags::ServeArgs;
use super::resolve::{Layers, Resolved, resolve};

const DEFAULT_FILE: &str = "everstream.toml";

/// Reads the environment and the file, and resolves them with `flags`.
///
/// # Errors
/// As [`resolve`]; also when a file that was asked for cannot be read.
pub fn load(flags: &ServeArgs) -> Result<Resolved, ConfigError> {
    let environment = variables();
    let named = flags.config().map(PathBuf::from).or_else(|| environment.get(CONFIG).map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound && named.is_none() => None,
        Err(error) => {
            return Err(ConfigError::new(format!("config = {:?} cannot be read: {error}", path.display().to_string())));
        }
    };
    let name = path.display().to_string();
    let file = text.as_deref().map(|text| FileText { path: &name, text });
    resolve(Layers { file, environment: &environment, flags })
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
