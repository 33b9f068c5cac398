//! An answer that is no event stream goes to the caller as it is, and its stream says so to everybody else.

use bytes::Bytes;
use everstream_hub::Stream;
use everstream_log::CloseReason;
use futures_util::StreamExt;
use tokio::sync::oneshot;

use super::close_stream;
use crate::outcome::{CloseDetail, OutcomeCode};
use crate::upstream::UpstreamAnswer;
use crate::{BodyStream, PassThrough, header};

/// How much of an error's body is read to find its message.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// Closes the stream as failed and hands the answer to the caller, if one still waits.
pub(super) async fn pass_on(stream: &Stream, mut answer: UpstreamAnswer, caller: oneshot::Sender<PassThrough>) {
    let (status, headers) = (answer.status(), header::to_caller(answer.headers()));
    let is_error = status.is_client_error() || status.is_server_error();
    let beginning = if is_error { answer.beginning(ERROR_BYTES_MAX).await } else { Bytes::new() };
    let detail = if is_error {
        let message = message(&beginning).unwrap_or_else(|| format!("the upstream answered {status}"));
        CloseDetail::new(OutcomeCode::UpstreamStatus, message)
    } else {
        let message = "the upstream's answer is no event stream; it went to its caller as it was";
        CloseDetail::new(OutcomeCode::UpstreamNotEventStream, message)
    };
    let rest = answer.into_stream();
    let body: BodyStream =
        if beginning.is_empty() { rest } else { Box::pin(futures_util::stream::iter([Ok(beginning)]).chain(rest)) };
    // Before the close, which everybody sees at once: this relay is cut off then. A caller that has gone, or whose head is
    // out already, reads the close instead.
    let _ = caller.send(PassThrough { status, headers, body, stream: Some(stream.clone()) });
    close_stream(stream, detail.with_status(status).close(CloseReason::Failed)).await;
}

/// What an error's body says: the message of the usual JSON shapes, else the text itself.
fn message(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else {
        return (!text.is_empty() && !text.starts_with('<')).then(|| text.to_owned());
    };
    let error = value.get("error").unwrap_or(&value);
    let candidates = [error.get("message"), error.get("detail"), Some(error)];
    candidates.into_iter().flatten().find_map(|value| value.as_str()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_message_is_found_in_the_usual_shapes() {
        for (body, found) in [
            (r#"{"error":{"message":"slow down","code":429}}"#, Some("slow down")),
            (r#"{"error":"model not found"}"#, Some("model not found")),
            (r#"{"message":"no"}"#, Some("no")),
            (r#"{"detail":"problem"}"#, Some("problem")),
            ("busy\n", Some("busy")),
            (r#"{"code":1}"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(message(body.as_bytes()).as_deref(), found, "{body}");
        }
    }
}
