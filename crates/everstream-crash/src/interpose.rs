//! Stands in for libc's functions that change files, in every program that this crate is linked into.
//!
//! A symbol that an executable defines itself wins over the one of a shared library, so that the standard library, and
//! with it the store, calls the functions below. A call that is not about a [`Device`] goes to the kernel as it came.
//! What bypasses libc is not seen: the one rename of that kind (rustix, below tempfile) is inferred at the next open.
//!
//! Only these functions and the raw calls below them are unsafe: each passes on what its caller handed to libc, whose
//! contract is the same.
#![expect(unsafe_code, reason = "symbols of libc are defined and the kernel is called: see above")]

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libc::{AT_FDCWD, iovec, off_t, off64_t, size_t, ssize_t, syscall};

use crate::device::Device;

type Answer = Result<isize, i32>;

/// How many devices there are: without one, a call costs one load more.
static DEVICES: AtomicUsize = AtomicUsize::new(0);
static REGISTRY: Mutex<Registry> = Mutex::new(Registry { devices: Vec::new(), descriptors: None });

struct Registry {
    devices: Vec<Device>,
    descriptors: Option<HashMap<c_int, Device>>,
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has changes below the device's root go through it from now on.
pub(crate) fn register(device: &Device) {
    registry().devices.push(device.clone());
    DEVICES.fetch_add(1, Ordering::AcqRel);
}

/// Forgets a device whose engine is gone.
pub(crate) fn unregister(device: &Device) {
    let mut registry = registry();
    registry.devices.retain(|one| !one.is(device));
    if let Some(descriptors) = registry.descriptors.as_mut() {
        descriptors.retain(|_, one| !one.is(device));
    }
    DEVICES.store(registry.devices.len(), Ordering::Release);
}

fn of_descriptor(descriptor: c_int) -> Option<Device> {
    if DEVICES.load(Ordering::Acquire) == 0 {
        return None;
    }
    registry().descriptors.as_ref()?.get(&descriptor).cloned()
}

fn of_path(path: &Path) -> Option<Device> {
    if DEVICES.load(Ordering::Acquire) == 0 {
        return None;
    }
    registry().devices.iter().find(|device| path.starts_with(device.root())).cloned()
}

/// The absolute path of a call, relative to an open directory of a device or to none.
///
/// # Safety
/// `path` is a C string, as the caller of libc promised.
unsafe fn path_at(directory: c_int, path: *const c_char) -> PathBuf {
    // SAFETY: see above.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    if path.is_absolute() || directory == AT_FDCWD {
        return path.to_owned();
    }
    let above = of_descriptor(directory).and_then(|device| device.directory_path(directory));
    above.map_or_else(|| path.to_owned(), |above| above.join(path))
}

fn answer(answer: Answer) -> isize {
    answer.unwrap_or_else(|errno| {
        // SAFETY: libc's own place for this thread's error.
        unsafe { *libc::__errno_location() = errno };
        -1
    })
}

unsafe fn open_at(directory: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    // SAFETY: the caller's arguments, unchanged.
    let real = || unsafe { syscall(libc::SYS_openat, directory, path, flags | libc::O_LARGEFILE, mode) as c_int };
    // SAFETY: a C string, as the caller of libc promised.
    let full = unsafe { path_at(directory, path) };
    let Some(device) = of_path(&full) else { return real() };
    let Some(opened) = device.open(&full, flags, real) else { return -1 };
    let descriptor = answer(opened) as c_int;
    if descriptor >= 0 {
        registry().descriptors.get_or_insert_default().insert(descriptor, device);
    }
    descriptor
}

unsafe fn write_at(descriptor: c_int, buffer: *const c_void, len: size_t, at: Option<off64_t>) -> ssize_t {
    // SAFETY: the caller's buffer, of which no more is read than it said.
    let real = |len: size_t| match at {
        None => unsafe { syscall(libc::SYS_write, descriptor, buffer, len) as isize },
        Some(at) => unsafe { syscall(libc::SYS_pwrite64, descriptor, buffer, len, at) as isize },
    };
    let Some(device) = of_descriptor(descriptor) else { return real(len) };
    let bytes = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), len) } };
    // SAFETY: asks for a position, changes nothing.
    let position = || unsafe { syscall(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR).max(0) as u64 };
    let written = device.write(descriptor, bytes, at.map(|at| at.max(0) as u64), position, real);
    written.map_or_else(|| real(len), answer)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(directory: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(directory, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(directory: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(directory, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(device) = of_descriptor(descriptor) {
        // Before the kernel can give the number to somebody else.
        device.closed(descriptor);
        if let Some(descriptors) = registry().descriptors.as_mut() {
            descriptors.remove(&descriptor);
        }
    }
    unsafe { syscall(libc::SYS_close, descriptor) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(descriptor: c_int, buffer: *const c_void, len: size_t) -> ssize_t {
    unsafe { write_at(descriptor, buffer, len, None) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(descriptor: c_int, buffer: *const c_void, len: size_t, at: off64_t) -> ssize_t {
    unsafe { write_at(descriptor, buffer, len, Some(at)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(descriptor: c_int, buffer: *const c_void, len: size_t, at: off_t) -> ssize_t {
    unsafe { write_at(descriptor, buffer, len, Some(at)) }
}

/// On a device only the first piece is written, which a caller has to be ready for.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(descriptor: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    if of_descriptor(descriptor).is_none() {
        return unsafe { syscall(libc::SYS_writev, descriptor, pieces, count) as ssize_t };
    }
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller's pieces.
    let pieces = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(pieces, count) } };
    match pieces.iter().find(|piece| piece.iov_len > 0) {
        None => 0,
        Some(piece) => unsafe { write_at(descriptor, piece.iov_base, piece.iov_len, None) },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(descriptor: c_int, len: off_t) -> c_int {
    let real = || unsafe { syscall(libc::SYS_ftruncate, descriptor, len) as isize };
    let device = of_descriptor(descriptor);
    let resized = device.and_then(|device| device.resize(descriptor, len.max(0) as u64, real));
    resized.map_or_else(real, answer) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(descriptor: c_int, len: off64_t) -> c_int {
    unsafe { ftruncate(descriptor, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    let synced = of_descriptor(descriptor).and_then(|device| device.sync(descriptor));
    synced.map_or_else(|| unsafe { syscall(libc::SYS_fsync, descriptor) as isize }, answer) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    let synced = of_descriptor(descriptor).and_then(|device| device.sync(descriptor));
    synced.map_or_else(|| unsafe { syscall(libc::SYS_fdatasync, descriptor) as isize }, answer) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lseek64(descriptor: c_int, offset: off64_t, whence: c_int) -> off64_t {
    let position = unsafe { syscall(libc::SYS_lseek, descriptor, offset, whence) };
    match of_descriptor(descriptor) {
        Some(device) if offset == 0 && whence == libc::SEEK_CUR => device.position(descriptor, position),
        _ => position,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let real = || unsafe { syscall(libc::SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) as isize };
    let (old, new) = unsafe { (path_at(AT_FDCWD, from), path_at(AT_FDCWD, to)) };
    let renamed = of_path(&old).and_then(|device| device.rename(&old, &new, real));
    renamed.map_or_else(real, answer) as c_int
}

unsafe fn unlink_at(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let real = || unsafe { syscall(libc::SYS_unlinkat, directory, path, flags) as isize };
    let full = unsafe { path_at(directory, path) };
    let removed = of_path(&full).and_then(|device| device.remove(&full, real));
    removed.map_or_else(real, answer) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    unsafe { unlink_at(AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    unsafe { unlink_at(AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    unsafe { unlink_at(directory, path, flags) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const c_char, mode: libc::mode_t) -> c_int {
    let real = || unsafe { syscall(libc::SYS_mkdirat, AT_FDCWD, path, mode) as isize };
    let full = unsafe { path_at(AT_FDCWD, path) };
    let made = of_path(&full).and_then(|device| device.make_directory(&full, real));
    made.map_or_else(real, answer) as c_int
}
