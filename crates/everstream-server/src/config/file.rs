//! The file layer: TOML whose every key is known.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{ConfigError, Source};
use super::layer::{Layer, Raw, nearest};
use super::{KEYS, Key, UPSTREAM_KEYS};

/// A configuration file that has been read.
#[derive(Debug, Clone, Copy)]
pub struct FileText<'a> {
    /// As it was given, for messages.
    pub path: &'a str,
    /// Its content.
    pub text: &'a str,
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileLayer {
    pub(super) top: Layer,
    pub(super) upstreams: BTreeMap<String, UpstreamLayer>,
}

/// What one `[upstreams.NAME]` says.
#[derive(Debug, Default)]
pub(super) struct UpstreamLayer {
    pub(super) keys: Layer,
    pub(super) headers: BTreeMap<String, Raw>,
}

/// Reads the file's text.
pub(super) fn read(file: FileText<'_>) -> Result<FileLayer, ConfigError> {
    let document = DeTable::parse(file.text).map_err(|broken| {
        let line = file.line(&broken.span().unwrap_or_default());
        ConfigError::new(format!("{}:{line} is no TOML: {}", file.path, broken.message()))
    })?;
    let mut layer = FileLayer::default();
    for (key, value) in document.get_ref() {
        if key.get_ref() == "upstreams" {
            for (name, table) in file.table(key, value)? {
                layer.upstreams.insert(name.get_ref().to_string(), file.upstream(name, table)?);
            }
        } else {
            let known = file.known(KEYS, "", key)?;
            layer.top.insert(known.name, file.raw(key, value)?);
        }
    }
    Ok(layer)
}

impl FileText<'_> {
    fn upstream(
        self,
        name: &Spanned<DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<UpstreamLayer, ConfigError> {
        let mut layer = UpstreamLayer::default();
        for (key, value) in self.table(name, value)? {
            if key.get_ref() == "headers" {
                for (header, value) in self.table(key, value)? {
                    layer.headers.insert(header.get_ref().to_string(), self.raw(header, value)?);
                }
            } else {
                let known = self.known(UPSTREAM_KEYS, &format!("upstreams.{}.", name.get_ref()), key)?;
                layer.keys.insert(known.name, self.raw(key, value)?);
            }
        }
        Ok(layer)
    }

    fn known(
        self,
        table: &'static [Key],
        prefix: &str,
        key: &Spanned<DeString<'_>>,
    ) -> Result<&'static Key, ConfigError> {
        table.iter().find(|known| known.name == key.get_ref()).ok_or_else(|| {
            let (name, source) = (key.get_ref(), self.source(&key.span()));
            let hint = nearest(table, name).map_or("", |key| key.name);
            ConfigError::new(format!("{prefix}{name} ({source}) is no key; try {hint}"))
        })
    }

    fn table<'t, 'i>(
        self,
        key: &Spanned<DeString<'_>>,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Result<&'t DeTable<'i>, ConfigError> {
        value
            .get_ref()
            .as_table()
            .ok_or_else(|| ConfigError::new(format!("{} ({}) is no table", key.get_ref(), self.source(&key.span()))))
    }

    /// A scalar, or a list of strings, as text.
    fn raw(self, key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Result<Raw, ConfigError> {
        let source = self.source(&value.span());
        let text = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| scalar(item.get_ref())).collect::<Option<Vec<_>>>(),
            other => scalar(other).map(|text| vec![text]),
        };
        match text {
            Some(items) => Ok(Raw { text: items.join(","), source }),
            None => Err(ConfigError::new(format!("{} ({source}) is neither a value nor a list", key.get_ref()))),
        }
    }

    fn source(self, span: &Range<usize>) -> Source {
        Source::File { path: self.path.to_owned(), line: self.line(span) }
    }

    fn line(self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        1 + before.iter().filter(|&&byte| byte == b'\n').count()
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
