//! What a good event stream server shows on the wire, case by case.
//!
//! `docs/protocols/sse-server-cases.md` lists every case (`SC-nn`), its test here and, where there is none, why.

mod connections;
mod cors;
mod encoding;
mod framing;
mod head;
mod keep_alive;
mod limits;
mod methods;
mod negotiation;
mod pipelining;
mod resuming;
mod smuggling;
