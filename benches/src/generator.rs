//! The load: plain sockets on one epoll loop, so that it costs little beside what it loads.

pub(crate) mod load;
pub(crate) mod wire;
