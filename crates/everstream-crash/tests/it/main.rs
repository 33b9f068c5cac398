//! The disk engine against crashes: drawn runs, named cases, and broken engines that have to be noticed.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "how much was tried is worth reading")]

mod broken;
mod case;
mod crash_point;
mod device;
mod failure;
mod opening;
mod smoke;
