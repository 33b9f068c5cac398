use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONTENT_LENGTH};
use http::{Method, Request};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn send(method: Method, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
    routes::<()>().oneshot(request).await.expect("routes cannot fail")
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn header<'a>(response: &'a Response, name: &HeaderName) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().expect("ASCII")).unwrap_or_default()
}

fn script() -> PageFile {
    PageFile { data: b"run()".as_slice().into(), content_type: content_type("js"), tag: entity_tag(&[0xab; 32]) }
}

fn holding(tags: &str) -> HeaderMap {
    HeaderMap::from_iter([(IF_NONE_MATCH, tags.parse().expect("a header value"))])
}

#[tokio::test]
async fn the_page_is_html_that_may_load_only_from_this_server() {
    let response = send(Method::GET, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, &CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header(&response, &CONTENT_SECURITY_POLICY), POLICY);
    assert_eq!(header(&response, &X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(text(response).await.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn every_file_that_the_page_names_is_served() {
    let page = text(send(Method::GET, "/").await).await;
    for path in page.split('"').filter(|part| part.starts_with("/_page/")) {
        let response = send(Method::GET, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_ne!(header(&response, &CONTENT_TYPE), "application/octet-stream", "{path}");
        assert_eq!(header(&response, &CACHE_CONTROL), "public, max-age=31536000, immutable");
    }
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let whole = text(send(Method::GET, "/").await).await;
    let response = send(Method::HEAD, "/").await;
    assert_eq!(header(&response, &CONTENT_LENGTH), whole.len().to_string());
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    for path in ["/", "/_page/index.js"] {
        let response = send(Method::POST, path).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, &ALLOW), "GET, HEAD");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_problem_that_names_it() {
    let response = send(Method::GET, "/_page/gone.js").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&response, &CONTENT_TYPE), "application/problem+json");
    assert!(text(response).await.contains("gone.js"));
}

#[test]
fn a_file_the_browser_holds_is_not_sent_again() {
    let tag = script().tag;
    for held in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let response = script().respond("no-cache", &holding(&held));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{held}");
        assert_eq!(header(&response, &ETAG), tag);
    }
}

#[test]
fn a_file_that_changed_is_sent_with_its_new_tag() {
    let response = script().respond("no-cache", &holding("\"other\""));
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, &CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_eq!(header(&response, &ETAG), "\"abababababababababababababababab\"");
}
