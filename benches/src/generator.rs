//! The load: plain sockets on one epoll loop and one thread, so that it costs little beside what it loads.
//!
//! - [`crowd`]: publishers and many subscribers, for what is delivered.
//! - [`load`]: closed loops and steady rates of requests, for what is answered.

pub(crate) mod crowd;
pub(crate) mod follower;
pub(crate) mod load;
pub(crate) mod publisher;
pub(crate) mod stamp;
pub(crate) mod timer;
pub(crate) mod wire;
