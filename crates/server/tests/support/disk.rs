//! A file system of its own for a test, which only root may make, and which is gone with the test.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// More than a log prepares before it has grown.
pub(crate) const DISK_BYTES: u64 = 160 << 20;

/// Runs a program that changes what is mounted where; why not, if it does not.
pub(crate) fn tool(name: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(name).args(args).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A file system of its own, gone with the test.
pub(crate) struct Disk {
    dir: TempDir,
    device: Option<String>,
    _image: Option<TempDir>,
}

impl Disk {
    pub(crate) fn in_memory(bytes: u64) -> Result<Self, String> {
        let disk = Self { dir: tempfile::tempdir().unwrap(), device: None, _image: None };
        tool("mount", &["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs", disk.path()])?;
        Ok(disk)
    }

    /// An ext4 in a file, that becomes read-only by itself when it finds something wrong.
    pub(crate) fn ext4() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(DISK_BYTES).unwrap();
        tool("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()])?;
        let device = tool("losetup", &["--find", "--show", image.to_str().unwrap()])?;
        let disk = Self { dir: tempfile::tempdir().unwrap(), device: Some(device), _image: Some(folder) };
        disk.mount_device()?;
        Ok(disk)
    }

    pub(crate) fn mount_device(&self) -> Result<String, String> {
        tool("mount", &["-o", "errors=remount-ro", self.device(), self.path()])
    }

    pub(crate) fn device(&self) -> &str {
        self.device.as_deref().unwrap()
    }

    pub(crate) fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    /// It hangs: whoever writes to it or syncs waits until this is dropped.
    pub(crate) fn freeze(&self) -> Frozen<'_> {
        tool("fsfreeze", &["--freeze", self.path()]).unwrap();
        Frozen(self)
    }

    pub(crate) fn remount(&self, options: &str) -> Result<String, String> {
        tool("mount", &["-o", &format!("remount,{options}"), self.path()])
    }

    /// Where ext4 takes the wish for an error.
    pub(crate) fn trigger(&self) -> PathBuf {
        let name = Path::new(self.device()).file_name().unwrap();
        Path::new("/sys/fs/ext4").join(name).join("trigger_fs_error")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that fails may leave another mount above it.
        while tool("umount", &["--lazy", self.path()]).is_ok() {}
        if let Some(device) = &self.device {
            let _ = tool("losetup", &["--detach", device]);
        }
    }
}

/// A disk that hangs.
pub(crate) struct Frozen<'a>(&'a Disk);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = tool("fsfreeze", &["--unfreeze", self.0.path()]);
    }
}
