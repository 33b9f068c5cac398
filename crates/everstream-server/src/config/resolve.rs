//! Four layers become one checked configuration: defaults < file < environment < flags.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::environment;
use super::error::{ConfigError, Source};
use super::file::{self, FileText, UpstreamLayer};
use super::flags::ServeArgs;
use super::layer::{Raw, Settings};
use super::upstream::{UPSTREAM_KEYS, Upstream};
use super::value::Value;
use super::{Config, KEYS};
use crate::signing::SigningKeys;

/// Everything a configuration is made of, handed in.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The file, if there is one.
    pub file: Option<FileText<'a>>,
    /// The environment's variables.
    pub environment: &'a BTreeMap<String, String>,
    /// The command line.
    pub flags: &'a ServeArgs,
}

/// A checked configuration and where it came from.
#[derive(Debug)]
pub struct Resolved {
    /// The configuration.
    pub config: Config,
    /// Key, value as written (a secret as `***`), and place, in the order of the key table.
    pub entries: Vec<(&'static str, String, Source)>,
    /// What is odd but no error.
    pub warnings: Vec<String>,
}

/// What the heads of browsers with their cookies need, and hyper's smallest buffer.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// The kernel counts milliseconds in 31 bits, and refuses every connection that is set up with more.
const PEER_TIMEOUT_MAX: Duration = Duration::from_secs(596 * 3600);

/// First segments that are the server's own.
const OWN_PATHS: [&str; 8] = ["v1", "_page", "healthz", "readyz", "metrics", "event", "random", "problems"];

/// Merges and checks `layers`. Pure: it reads nothing else.
///
/// # Errors
/// A [`ConfigError`] that names the key, its value, its place and a value that would do.
pub fn resolve(layers: Layers<'_>) -> Result<Resolved, ConfigError> {
    let file = layers.file.map(file::read).transpose()?.unwrap_or_default();
    let (variables, warnings) = environment::read(layers.environment);
    let settings =
        Settings::defaults(KEYS, String::new()).overlay(file.top).overlay(variables).overlay(layers.flags.layer());
    let upstreams = file
        .upstreams
        .into_iter()
        .map(|(name, layer)| upstream(name, layer, layers.environment))
        .collect::<Result<Vec<_>, _>>()?;
    let config = Config::check(&settings, upstreams)?;
    check_together(&config, &settings)?;
    Ok(Resolved { config, entries: settings.entries().collect(), warnings })
}

/// What no single value can be blamed for.
fn check_together(config: &Config, settings: &Settings) -> Result<(), ConfigError> {
    if !config.listen.ip().is_loopback() && !config.insecure {
        let why = "is open to other machines while clients need no credentials; add --insecure if that is meant";
        return Err(settings.refusal("listen", why, "127.0.0.1:8000"));
    }
    if config.max_head_bytes.0 < HEAD_BYTES_MIN {
        return Err(settings.refusal("max_head_bytes", "is less than 8KiB, which a browser's head may need", "16KiB"));
    }
    if config.peer_timeout > PEER_TIMEOUT_MAX {
        return Err(settings.refusal("peer_timeout", "is more than the 596h that a kernel can count", "60s"));
    }
    if config.max_queued_appends.get() > Semaphore::MAX_PERMITS {
        return Err(settings.refusal("max_queued_appends", "is more than can ever wait", "1024"));
    }
    if config.proxy_secret.share(&config.proxy_signing_key) {
        let why = "is also a proxy_secret, so that whoever may call could sign";
        return Err(settings.refusal("proxy_signing_key", why, SigningKeys::EXAMPLE));
    }
    for (at, upstream) in config.upstreams.iter().enumerate() {
        let mount = upstream.mount.as_str();
        let refuse = |why: &str| Err(ConfigError::new(format!("upstreams.{}.mount = {mount:?} {why}", upstream.name)));
        let first = mount.split('/').nth(1).unwrap_or_default();
        if OWN_PATHS.contains(&first) || (matches!(first, "demo" | "demo-upstream") && config.serves_demo()) {
            return refuse("is a path of the server itself; try \"/openai\"");
        }
        if config.upstreams.iter().take(at).any(|other| other.mount == upstream.mount) {
            return refuse("is mounted twice; give each upstream a path of its own");
        }
    }
    Ok(())
}

fn upstream(
    name: String,
    layer: UpstreamLayer,
    environment: &BTreeMap<String, String>,
) -> Result<Upstream, ConfigError> {
    let prefix = format!("upstreams.{name}.");
    let headers = layer
        .headers
        .into_iter()
        .map(|(header, raw)| header_of(&prefix, &header, &raw, environment))
        .collect::<Result<Vec<_>, _>>()?;
    Upstream::check(&Settings::defaults(UPSTREAM_KEYS, prefix).overlay(layer.keys), name, headers)
}

/// A header whose value may take parts from the environment. No message shows the value: it is a secret.
fn header_of(
    prefix: &str,
    name: &str,
    raw: &Raw,
    environment: &BTreeMap<String, String>,
) -> Result<(HeaderName, HeaderValue), ConfigError> {
    let refuse = |why: &str| ConfigError::new(format!("{prefix}headers.{name} ({}) {why}", raw.source));
    let header = HeaderName::try_from(name).map_err(|_| refuse("is no header name; try \"authorization\""))?;
    let text = expand(&raw.text, environment).map_err(|why| refuse(&why))?;
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| refuse("has a character that no header can carry; try \"Bearer ${OPENAI_API_KEY}\""))?;
    value.set_sensitive(true);
    Ok((header, value))
}

/// `text` with every `${NAME}` replaced by that variable.
fn expand(text: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or("has ${ without }; try \"Bearer ${OPENAI_API_KEY}\"")?;
        let value =
            environment.get(name).ok_or_else(|| format!("needs the environment variable {name}, which is not set"))?;
        expanded.push_str(before);
        expanded.push_str(value);
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}
