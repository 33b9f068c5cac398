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

/// What one source says, by key.
pub(super) type Layer = BTreeMap<&'static str, Raw>;

/// The values of one table: what the strongest layer says of each key.
#[derive(Debug)]
pub(super) struct Settings {
    table: &'static [Key],
    /// `upstreams.openai.` before every key in messages; empty at the top level.
    prefix: String,
    values: Layer,
}

impl Settings {
    /// The defaults of `table`.
    pub(super) fn defaults(table: &'static [Key], prefix: String) -> Self {
        let default = |key: &Key| Some((key.name, Raw { text: key.default?.to_owned(), source: Source::Default }));
        Self { table, prefix, values: table.iter().filter_map(default).collect() }
    }

    /// Puts `layer` over what is there.
    pub(super) fn overlay(mut self, layer: Layer) -> Self {
        self.values.extend(layer);
        self
    }

    /// The checked value of the key `name`.
    pub(super) fn parse<T: Value>(&self, name: &str) -> Result<T, ConfigError> {
        let Some(raw) = self.values.get(name) else {
            let example = self.table.iter().find(|key| key.name == name).map_or("", |key| key.example);
            return Err(ConfigError::new(format!("{}{name} is missing; try {name} = {example:?}", self.prefix)));
        };
        T::parse(&raw.text).map_err(|why| self.refusal(name, &why.0, T::EXAMPLE))
    }

    /// The error that the value of `name` is wrong, because it `why`.
    pub(super) fn refusal(&self, name: &str, why: &str, example: &str) -> ConfigError {
        let written = self.values.get(name).map(|raw| format!(" = {:?} ({})", self.shown(name, raw), raw.source));
        ConfigError::new(format!("{}{name}{} {why}; try {example:?}", self.prefix, written.unwrap_or_default()))
    }

    /// Every value as it may be shown, with its place, in the order of the table.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'static str, String, Source)> {
        self.table.iter().filter_map(|key| {
            let raw = self.values.get(key.name)?;
            Some((key.name, self.shown(key.name, raw).to_owned(), raw.source.clone()))
        })
    }

    fn shown<'a>(&self, name: &str, raw: &'a Raw) -> &'a str {
        let is_secret = self.table.iter().any(|key| key.name == name && key.is_secret);
        if is_secret && !raw.text.is_empty() { "***" } else { &raw.text }
    }
}

/// The key of `table` whose name is most like `name`.
pub(super) fn nearest(table: &'static [Key], name: &str) -> Option<&'static Key> {
    table.iter().min_by_key(|key| strsim::damerau_levenshtein(key.name, name))
}
