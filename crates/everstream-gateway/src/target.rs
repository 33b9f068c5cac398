//! Where a request goes.

use http::Uri;
use url::Url;

use crate::{Error, ErrorKind, Mount};

/// Whether `path` is `mount` or below it, by whole segments.
pub(crate) fn is_below(path: &str, mount: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The upstream URL of `uri`: the mount's own, then the rest of the path and the query as the caller wrote them.
///
/// # Errors
/// `PathNotFound` when the rest holds a `.` or `..` segment in any spelling: it could leave the mount's path.
pub(crate) fn upstream_url(mount: &Mount, uri: &Uri) -> Result<Url, Error> {
    let rest = uri.path().strip_prefix(&*mount.path).unwrap_or_default();
    if climbs(rest) {
        let context = format!("the path below {} has a segment that could leave it", mount.path);
        return Err(Error::new(ErrorKind::PathNotFound, context));
    }
    let mut url = mount.url.clone();
    let path = format!("{}{rest}", mount.url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(uri.query());
    Ok(url)
}

/// Whether some reader may take a part of `path` for `.` or `..`: percent-decoded, and with `\` for a slash.
pub(crate) fn climbs(path: &str) -> bool {
    let mut decoded = path.to_ascii_lowercase();
    // Twice, since an upstream behind another proxy may see it decoded twice.
    for _ in 0..2 {
        decoded = decoded.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\").replace("%25", "%");
    }
    // White space and controls within a path are dropped by some URL readers.
    let is_dots = |segment: &str| matches!(segment.trim(), "." | "..");
    decoded.split(['/', '\\']).any(|segment| is_dots(segment.split(';').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(path: &str, url: &str) -> Mount {
        Mount::new("m", path, Url::parse(url).unwrap())
    }

    #[track_caller]
    fn check(base: &str, request: &str, expected: Option<&str>) {
        let joined = upstream_url(&mount("/openai", base), &request.parse().unwrap());
        assert_eq!(joined.ok().as_ref().map(Url::as_str), expected, "{base} {request}");
    }

    #[test]
    fn the_rest_of_the_path_and_the_query_are_appended() {
        check("https://h", "/openai/v1/chat/completions", Some("https://h/v1/chat/completions"));
        check("https://h/", "/openai/v1/models?limit=2", Some("https://h/v1/models?limit=2"));
        check("https://h/base", "/openai/v1", Some("https://h/base/v1"));
        check("https://h/base", "/openai", Some("https://h/base"));
        check("https://h", "/openai/a%20b", Some("https://h/a%20b"));
        check("https://h:8443", "/openai//evil/x", Some("https://h:8443//evil/x"));
        check("https://h", "/openai/@evil/http://x", Some("https://h/@evil/http://x"));
        check("https://h", "/openai/v1/models/gpt-4.1..x", Some("https://h/v1/models/gpt-4.1..x"));
    }

    #[test]
    fn no_spelling_of_a_dot_segment_leaves_the_mount() {
        for rest in
            ["..", "a/../../b", "%2e%2e/x", "%2E./x", "a%2f..%2fb", "a%5c..%5cb", "%252e%252e/x", ".", "x/..;v=1/y"]
        {
            check("https://h/base", &format!("/openai/{rest}"), None);
        }
    }

    #[test]
    fn a_mount_holds_whole_segments() {
        assert!(is_below("/a", "/a") && is_below("/a/x", "/a") && is_below("/a/b/c", "/a/b"));
        assert!(!is_below("/ab", "/a") && !is_below("/b/a", "/a"));
    }
}
