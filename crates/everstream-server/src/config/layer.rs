//! Raw values on their way to checked ones: each is text with the place it came from.

use std::collections::BTreeMap;

use super::error::{ConfigError, Source};
use super::key::Key;
use super::value::Value;

/// A raw value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raw {
    /// As it was written; a list's items joined by commas.
    pub(super) text: String,
    /// Where.
    pub(super) source: Source,
}

/// The values of one table: the keys of `table`, in the winning layer's version.
#[derive(Debug)]
pub(super) struct Settings {
    table: &'static [Key],
    /// `upstreams.openai.` before every key in messages; empty at the top level.
    prefix: String,
    values: BTreeMap<&'static str, Raw>,
}

impl Settings {
    /// The defaults of `table`.
    pub(super) fn defaults(table: &'static [Key], prefix: String) -> Self {
        let default = |key: &Key| Some((key.name, Raw { text: key.default?.to_owned(), source: Source::Default }));
        Self { table, prefix, values: table.iter().filter_map(default).collect() }
    }

    /// Puts `layer` over what is there.
    pub(super) fn overlay(mut self, layer: BTreeMap<&'static str, Raw>) -> Self {
        self.values.extend(layer);
        self
    }

    /// The checked value of the key `name`.
    pub(super) fn parse<T: Value>(&self, name: &str) -> Result<T, ConfigError> {
        let Some(raw) = self.values.get(name) else {
            let example = self.table.iter().find(|key| key.name == name).map_or("", |key| key.example);
            return Err(ConfigError::new(format!("{}{name} is missing; try {name} = {example:?}", self.prefix)));
        };
        T::parse(&raw.text).map_err(|why| {
            let Raw { text, source } = raw;
            let Self { prefix, .. } = self;
            ConfigError::new(format!("{prefix}{name} = {text:?} ({source}) {why}; try {:?}", T::EXAMPLE))
        })
    }
}
