//! Whether a file's bytes are written over where they are.
//!
//! The reserve for a full disk is files that were written beforehand. Where the file system writes what is written over to a new place
//! (copy on write), there would be no reserve, and the log's end would come as a failed write. btrfs can be told not to, by
//! directory: what is made in it from then on stays where it is. It has no checksums of its own then, and needs none, as all that
//! is in a journal has.

use std::fs::File;

/// Asks for it, where the file system can be asked. That it cannot is no error: see [`copies_on_write`].
#[cfg(target_os = "linux")]
pub(crate) fn keep_in_place(directory: &File) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    // Any other file system would refuse a flag that it does not know.
    if kind_of(directory) == Some(BTRFS)
        && let Ok(flags) = ioctl_getflags(directory)
        && !flags.contains(IFlags::NOCOW)
    {
        let _ = ioctl_setflags(directory, flags | IFlags::NOCOW);
    }
}

/// Whether what is made in this directory is written over somewhere else, as far as is known.
#[cfg(target_os = "linux")]
pub(crate) fn copies_on_write(directory: &File) -> bool {
    use rustix::fs::{IFlags, ioctl_getflags};
    match kind_of(directory) {
        Some(BTRFS) => ioctl_getflags(directory).is_ok_and(|flags| !flags.contains(IFlags::NOCOW)),
        Some(kind) => kind == ZFS || kind == BCACHEFS,
        None => false,
    }
}

#[cfg(target_os = "linux")]
const BTRFS: u32 = 0x9123_683e;
#[cfg(target_os = "linux")]
const ZFS: u32 = 0x2fc1_2fc1;
#[cfg(target_os = "linux")]
const BCACHEFS: u32 = 0xca45_1a4e;

/// The magic number of the file system, of 32 bits, however wide the system's field is.
#[cfg(target_os = "linux")]
fn kind_of(directory: &File) -> Option<u32> {
    Some(rustix::fs::fstatfs(directory).ok()?.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_in_place(_: &File) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn copies_on_write(_: &File) -> bool {
    false
}
