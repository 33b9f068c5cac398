//! The reasons of refusals. One table: the word, the status and the title of each.

use http::StatusCode;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal, $status:ident, $title:literal;)+) => {
        /// Why a request was refused: stable, to branch on. Each has one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in the problem document.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The status it is sent with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The title: the same for every problem of this code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// The request breaks HTTP itself.
    BadRequest = "bad_request", BAD_REQUEST, "Malformed request";
    /// No `Host`, more than one, or one that is no host.
    InvalidHost = "invalid_host", BAD_REQUEST, "Missing or malformed Host";
    /// The path names no lawful stream.
    InvalidStreamName = "invalid_stream_name", BAD_REQUEST, "Not a stream name";
    /// A query parameter is missing.
    MissingParameter = "missing_parameter", BAD_REQUEST, "Missing parameter";
    /// A query parameter has no lawful value.
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "Invalid parameter";
    /// A request header has no lawful value.
    InvalidHeader = "invalid_header", BAD_REQUEST, "Invalid header";
    /// The body is not what its type says.
    InvalidBody = "invalid_body", BAD_REQUEST, "Invalid body";
    /// An event in the body cannot be stored.
    InvalidEvent = "invalid_event", BAD_REQUEST, "Invalid event";
    /// The body ended before its announced end, or nothing more of it came for `idle_timeout`.
    IncompleteBody = "incomplete_body", BAD_REQUEST, "Incomplete body";
    /// The call of the proxy has no `Upstream-URL`, or several.
    MissingUpstreamUrl = "missing_upstream_url", BAD_REQUEST, "Missing Upstream-URL";
    /// The call of the proxy has no `Upstream-Method`, or several.
    MissingUpstreamMethod = "missing_upstream_method", BAD_REQUEST, "Missing Upstream-Method";
    /// `Upstream-Method` is none of GET, POST, PUT, PATCH and DELETE.
    InvalidUpstreamMethod = "invalid_upstream_method", BAD_REQUEST, "Invalid Upstream-Method";
    /// The upstream of the proxy answers with a redirect, which is never followed.
    RedirectNotAllowed = "redirect_not_allowed", BAD_REQUEST, "Upstream redirects";
    /// The only action on a stream of the proxy is `abort`.
    InvalidAction = "invalid_action", BAD_REQUEST, "Invalid action";
    /// The proxy wants to see a secret of the caller.
    MissingSecret = "missing_secret", UNAUTHORIZED, "Missing secret";
    /// The caller's secret is none of `proxy_secret`.
    InvalidSecret = "invalid_secret", UNAUTHORIZED, "Invalid secret";
    /// The URL has no `expires` and `signature`.
    MissingSignature = "missing_signature", UNAUTHORIZED, "Missing signature";
    /// The signed URL is older than `proxy_url_ttl`.
    SignatureExpired = "signature_expired", UNAUTHORIZED, "Signed URL has expired";
    /// The URL was not signed by this server, or was changed.
    SignatureInvalid = "signature_invalid", UNAUTHORIZED, "Invalid signature";
    /// The URL was signed for something else: for reading, or for aborting.
    ScopeExceeded = "scope_exceeded", FORBIDDEN, "URL is not for this";
    /// `cors_origins` does not have the page's origin.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, "Origin not allowed";
    /// `proxy_allow` does not have the upstream, or its address is not public.
    UpstreamNotAllowed = "upstream_not_allowed", FORBIDDEN, "Upstream not allowed";
    /// Nothing is at this path.
    PathNotFound = "path_not_found", NOT_FOUND, "No such path";
    /// No stream of this name, or it has expired.
    StreamNotFound = "stream_not_found", NOT_FOUND, "No such stream";
    /// The resource has no such method; `Allow` says which it has.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// `Accept` excludes everything the resource can be sent as.
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "Nothing acceptable to send";
    /// The stream exists with other settings.
    StreamExists = "stream_exists", CONFLICT, "Stream exists with other settings";
    /// The stream is closed: nothing can be appended.
    StreamClosed = "stream_closed", CONFLICT, "Stream is closed";
    /// The body's type is not the stream's.
    ContentTypeMismatch = "content_type_mismatch", CONFLICT, "Content type differs from the stream's";
    /// The stream holds as much as `max_stream_bytes` allows.
    StreamFull = "stream_full", CONFLICT, "Stream is full";
    /// The stream to be forked was deleted.
    ForkSourceDeleted = "fork_source_deleted", CONFLICT, "Source of the fork was deleted";
    /// The fork would read through more streams, one behind the other, than the server allows.
    ForkTooDeep = "fork_too_deep", CONFLICT, "Too many forks of forks";
    /// A later epoch of the same producer has appended; `Producer-Epoch` says which.
    ProducerFenced = "producer_fenced", FORBIDDEN, "Producer epoch is over";
    /// Appends of the producer before this one are missing; `Producer-Expected-Seq` says which comes next.
    ProducerGap = "producer_gap", CONFLICT, "Appends of the producer are missing";
    /// A producer's new epoch begins with another `Producer-Seq` than 0.
    ProducerLateStart = "producer_late_start", BAD_REQUEST, "A producer's epoch begins with 0";
    /// As many producers have appended to the stream as `max_producers_per_stream` allows.
    ProducersFull = "producers_full", CONFLICT, "Stream has as many producers as it may";
    /// `Stream-Seq` is not after the stream's last one, bytewise.
    // By these words the PHP client tells it from other conflicts.
    StreamSeqRegressed = "stream_seq_regressed", CONFLICT, "Sequence conflict";
    /// Another stream holds this alias.
    AliasTaken = "alias_taken", CONFLICT, "Alias is taken";
    /// The `Idempotency-Key` was used with another body.
    IdempotencyKeyReused = "idempotency_key_reused", CONFLICT, "Idempotency-Key used for another request";
    /// The ask was stopped before it began.
    Stopped = "stopped", CONFLICT, "Stopped before it began";
    /// The presented `Last-Event-ID` is not of this answer.
    ResumeMismatch = "resume_mismatch", CONFLICT, "Position is of another answer";
    /// The stream was deleted; its name is not free until its last fork is deleted.
    StreamDeleted = "stream_deleted", GONE, "Stream was deleted";
    /// The position is before the first record held.
    OffsetTrimmed = "offset_trimmed", GONE, "Position is no longer held";
    /// The position is after the last record.
    OffsetBeyondTail = "offset_beyond_tail", BAD_REQUEST, "Position is beyond the tail";
    /// The head did not arrive within `head_timeout`.
    HeadTimeout = "head_timeout", REQUEST_TIMEOUT, "Request head took too long";
    /// The body is longer than `max_body_bytes`.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "Body too large";
    /// An event or record is longer than `max_event_bytes`.
    EventTooLarge = "event_too_large", PAYLOAD_TOO_LARGE, "Event too large";
    /// One append has more records than the server takes at once.
    TooManyRecords = "too_many_records", PAYLOAD_TOO_LARGE, "Too many records at once";
    /// The request target is longer than `max_head_bytes` allows.
    TargetTooLong = "target_too_long", URI_TOO_LONG, "Request target too long";
    /// The body has a type, or a `Content-Encoding`, that the resource does not take.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// The head is longer than `max_head_bytes`, or has too many headers.
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Request head too large";
    /// One address holds as many connections as `max_connections_per_address` allows.
    TooManyConnectionsFromAddress = "too_many_connections_from_address", TOO_MANY_REQUESTS,
        "Too many connections from this address";
    /// The mount has as many asks in flight as it allows.
    TooManyAsks = "too_many_asks", TOO_MANY_REQUESTS, "Too many asks in flight";
    /// The method is none that this server knows.
    MethodUnknown = "method_unknown", NOT_IMPLEMENTED, "Unknown method";
    /// The HTTP version is none that this server speaks.
    VersionUnsupported = "version_unsupported", HTTP_VERSION_NOT_SUPPORTED, "HTTP version not supported";
    /// A fault of the server's own.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error";
    /// The log's medium failed, or its content is not what was written.
    StorageFailed = "storage_failed", INTERNAL_SERVER_ERROR, "Storage failed";
    /// The upstream could not be reached or broke the connection before it answered.
    UpstreamUnreachable = "upstream_unreachable", BAD_GATEWAY, "Upstream unreachable";
    /// The upstream's answer cannot be carried on.
    UpstreamFailed = "upstream_failed", BAD_GATEWAY, "Upstream failed";
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, "Upstream timed out";
    /// The request is a call that this server's own proxy made.
    LoopDetected = "loop_detected", LOOP_DETECTED, "Proxy calls itself";
    /// The log takes no writes since one failed; reads go on.
    LogReadOnly = "log_read_only", SERVICE_UNAVAILABLE, "Writes are refused";
    /// A configured number (of streams, of subscribers) is reached.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Overloaded";
    /// As many connections as `max_connections` allows.
    TooManyConnections = "too_many_connections", SERVICE_UNAVAILABLE, "Too many connections";
    /// The server is about to exit.
    Draining = "draining", SERVICE_UNAVAILABLE, "Shutting down";
}
