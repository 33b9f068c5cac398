//! The values of the proxy's keys.

use everstream_gateway::{AllowList, AllowedUpstream};

use super::value::{Invalid, Value};
use crate::signing::{Secret, Secrets, SigningKey, SigningKeys};

/// As long as a guess has to be hopeless: 16 random characters are about 95 bits.
const SECRET_BYTES_MIN: usize = 16;
/// HMAC-SHA256 gains nothing from more than its block, and loses from less than its output.
const SIGNING_KEY_BYTES_MIN: usize = 32;
const KEY_ID_LEN_MAX: usize = 32;

impl Value for Secrets {
    const KIND: &'static str = "list of secrets";
    const EXAMPLE: &'static str = "a-long-random-secret";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Invalid> {
        let secret = |item: &str| {
            let is_plain = item.len() >= SECRET_BYTES_MIN && item.bytes().all(|byte| byte.is_ascii_graphic());
            let why = "has a secret of less than 16 characters, or one with a character that is not visible ASCII";
            if is_plain { Ok(Secret::new(item.as_bytes())) } else { Err(Invalid(why.to_owned())) }
        };
        items(text).map(secret).collect::<Result<_, _>>().map(Self::new)
    }
}

impl Value for SigningKeys {
    const KIND: &'static str = "list of `ID:KEY`";
    const EXAMPLE: &'static str = "k1:replace-this-with-32-random-characters";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| Err(Invalid(why.to_owned()));
        let mut keys: Vec<SigningKey> = Vec::new();
        for item in items(text) {
            let Some((id, key)) = item.split_once(':') else { return invalid("has a key without an id before it") };
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if !(1..=KEY_ID_LEN_MAX).contains(&id.len()) || !id.bytes().all(is_id) {
                return invalid("has an id that is not 1 to 32 letters, digits, - and _");
            }
            if key.len() < SIGNING_KEY_BYTES_MIN || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return invalid(
                    "has a key of less than 32 characters, or one with a character that is not visible ASCII",
                );
            }
            if keys.iter().any(|known| known.id() == id) {
                return invalid("has two keys with one id");
            }
            keys.push(SigningKey::new(id, Secret::new(key.as_bytes())));
        }
        Ok(Self::new(keys))
    }
}

impl Value for AllowList {
    const KIND: &'static str = "list of upstreams";
    const EXAMPLE: &'static str = "https://api.openai.com/v1/**";

    fn parse(text: &str) -> Result<Self, Invalid> {
        let entry =
            |item: &str| AllowedUpstream::parse(item).map_err(|why| Invalid(format!("has {item:?}, which {why}")));
        items(text).map(entry).collect::<Result<_, _>>().map(Self::new)
    }
}

/// Comma-separated, as the environment and the flags write a list.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
