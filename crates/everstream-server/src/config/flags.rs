//! The flag layer: the flags of `everstream serve`, made from the key table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::error::Source;
use super::layer::{Layer, Raw};
use super::{KEYS, Key};

/// The arguments of `serve`; a command flattens them.
#[derive(Debug, Clone, Default)]
pub struct ServeArgs {
    config: Option<PathBuf>,
    values: BTreeMap<&'static str, String>,
}

impl ServeArgs {
    /// The arguments of a program or test that starts a server without a command line: keys, by their names in the
    /// file, whether or not they are flags.
    #[must_use]
    pub fn with(flags: &[(&'static str, &str)]) -> Self {
        Self { config: None, values: flags.iter().map(|&(name, value)| (name, value.to_owned())).collect() }
    }

    /// The file that `--config` names.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    pub(super) fn layer(&self) -> Layer {
        let raw = |key: &Key| {
            let (flag, text) = (key.flag.unwrap_or(key.name), self.values.get(key.name)?.clone());
            Some((key.name, Raw { text, source: Source::Flag(format!("--{flag}")) }))
        };
        KEYS.iter().filter_map(raw).collect()
    }
}

/// The argument for `key`, if it is a flag.
fn argument(key: &'static Key) -> Option<Arg> {
    let flag = key.flag?;
    let default = key.default.filter(|default| !default.is_empty());
    let help = format!("{}{}", key.doc.trim(), default.map(|text| format!(" [default: {text}]")).unwrap_or_default());
    let argument = Arg::new(key.name).long(flag).help(help).value_name(key.example);
    if key.kind == <bool as super::Value>::KIND {
        Some(argument.num_args(0..=1).require_equals(true).default_missing_value("true"))
    } else {
        Some(argument)
    }
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file [default: everstream.toml, if it is there]");
        command.arg(config).args(KEYS.iter().filter_map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config = matches.get_one::<PathBuf>("config").cloned();
        for key in KEYS.iter().filter(|key| key.flag.is_some()) {
            if let Some(text) = matches.get_one::<String>(key.name) {
                self.values.insert(key.name, text.clone());
            }
        }
        Ok(())
    }
}
