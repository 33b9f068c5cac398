//! The protocols the server speaks: thin adapters between HTTP and the hub or the gateway. None imports another.

pub mod asks;
pub mod demo;
pub mod demo_upstream;
pub mod page;
pub mod proxy;
pub mod streams;
