//! A subscription as a response body.
