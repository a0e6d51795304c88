//! CONFIG REWRITE: the settings in force, back into the file they were read from.
//!
//! The file's own lines, order and comments stay; a parameter that differs from what the file says is changed in
//! place, and one that the file does not name is added only if it differs from its default. The new file is written
//! beside the old one and renamed over it, so that a crash leaves one or the other; once it is answered, the new one.
//!
//! Invariant: nobody may read the new file who might not read the old one, at no moment: there is a password in it. So it is made
//! for its owner alone, and has the old one's owner, group and mode before it has its name. Where the system does not allow that, it is
//! refused. A link stays one: what it leads to is replaced.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rbq_broker::Settings;
use rbq_broker::settings::PARAMETERS;
use toml_edit::{DocumentMut, Item, Value};

/// Writes `settings` into `path`.
pub(crate) fn rewrite(path: &Path, settings: &Settings) -> Result<()> {
    let cannot = || format!("cannot read {}", path.display());
    let real = path.canonicalize().with_context(cannot)?;
    let text = std::fs::read_to_string(&real).with_context(cannot)?;
    let old = std::fs::metadata(&real).with_context(cannot)?;
    let new = rewritten(&text, settings)?;
    replace(&real, &old, new.as_bytes())?;
    let above = real.parent().unwrap_or(Path::new("/"));
    let synced = File::open(above).and_then(|above| above.sync_all());
    synced.with_context(|| format!("cannot sync {}", above.display()))
}

/// Puts a file with this content into the place of `path`, of which it takes whose it is and who may read it.
fn replace(path: &Path, old: &Metadata, content: &[u8]) -> Result<()> {
    let beside = beside(path);
    let written = write(&beside, old, content).with_context(|| format!("cannot write {}", beside.display()));
    let replaced = written
        .and_then(|()| std::fs::rename(&beside, path).with_context(|| format!("cannot replace {}", path.display())));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    replaced
}

/// The whole name and `.new`: two files that differ in what is behind their last dot are not in each other's way.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".new");
    name.into()
}

fn write(beside: &Path, old: &Metadata, content: &[u8]) -> std::io::Result<()> {
    // What a crash left may be for everybody to read, and stays that if it is only emptied.
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())?;
    file.write_all(content)?;
    file.sync_all()
}

fn rewritten(text: &str, settings: &Settings) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let defaults = Settings::default();
    for parameter in PARAMETERS {
        let shown = (parameter.show)(settings);
        let mut filed = defaults.clone();
        let is_named = document.contains_key(parameter.name);
        if let Some(item) = document.get(parameter.name) {
            // By its value: what `to_string` gives has the comment behind it, too.
            let written = match (item.as_str(), item.as_bool(), item.as_integer()) {
                (Some(text), ..) => text.to_owned(),
                (_, Some(true), _) => "yes".into(),
                (_, Some(false), _) => "no".into(),
                (.., Some(number)) => number.to_string(),
                _ => item.to_string().trim().to_owned(),
            };
            let _ = (parameter.set)(&mut filed, &written);
        }
        if shown != (parameter.show)(&filed) || (is_named && document[parameter.name].is_none()) {
            let mut new = shown.parse::<i64>().map_or_else(|_| Value::from(shown), Value::from);
            if let Some(old) = document.get(parameter.name).and_then(Item::as_value) {
                // The comment behind it.
                *new.decor_mut() = old.decor().clone();
            }
            document[parameter.name] = Item::Value(new);
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    /// A file with this mode, and what CONFIG REWRITE makes of it.
    fn rewritten_with_mode(dir: &Path, mode: u32) -> Metadata {
        let path = dir.join("rbq.toml");
        fs::write(&path, "requirepass = \"s3cret\"\n").expect("it is written");
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("it is ours");
        rewrite(&path, &Settings::default()).expect("it is written anew");
        fs::metadata(&path).expect("it is there")
    }

    #[test]
    fn who_may_read_the_file_stays_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory is made");
        for mode in [0o600, 0o640, 0o666] {
            assert_eq!(rewritten_with_mode(dir.path(), mode).mode() & 0o7777, mode);
        }
    }

    #[test]
    fn what_a_crash_left_beside_it_lends_it_no_mode() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let left = dir.path().join("rbq.toml.new");
        fs::write(&left, "").expect("it is written");
        fs::set_permissions(&left, PermissionsExt::from_mode(0o666)).expect("it is ours");
        assert_eq!(rewritten_with_mode(dir.path(), 0o600).mode() & 0o7777, 0o600);
        assert!(!left.exists());
    }

    #[test]
    fn whose_the_file_is_stays_or_it_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rbq.toml");
        fs::write(&path, "").expect("it is written");
        if chown(&path, Some(7), Some(8)).is_ok() {
            rewrite(&path, &Settings::default()).expect("whoever may give one away may give two");
            let new = fs::metadata(&path).expect("it is there");
            assert_eq!((new.uid(), new.gid()), (7, 8));
            return;
        }
        // Who may not: one that somebody else has is refused.
        let theirs = fs::metadata("/").expect("it is there");
        let refused = replace(&path, &theirs, b"new").expect_err("it is not ours to give away");
        assert!(format!("{refused:#}").starts_with("cannot write "), "{refused:#}");
        assert_eq!(fs::read(&path).expect("it is there"), b"");
        assert!(!beside(&path).exists());
    }

    #[test]
    fn a_link_to_the_file_stays_one() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let [real, link] = ["real.toml", "rbq.toml"].map(|name| dir.path().join(name));
        fs::write(&real, "hz = 11\n").expect("it is written");
        symlink("real.toml", &link).expect("it is made");
        rewrite(&link, &Settings::default()).expect("it is written anew");
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert!(fs::read_to_string(&real).expect("it is there").starts_with("hz = 10\n"));
    }

    #[test]
    fn two_files_with_one_name_but_for_its_end_are_not_written_beside_as_one() {
        assert_eq!(beside(Path::new("/etc/rbq.conf")), Path::new("/etc/rbq.conf.new"));
        assert_eq!(beside(Path::new("/etc/rbq.toml")), Path::new("/etc/rbq.toml.new"));
    }

    #[test]
    fn what_could_not_be_put_into_its_place_is_not_left_beside_it() {
        let dir = tempfile::tempdir().expect("a directory is made");
        let path = dir.path().join("rbq.toml");
        // No file takes the place of a directory.
        fs::create_dir(&path).expect("it is made");
        let old = fs::metadata(&path).expect("it is there");
        let refused = replace(&path, &old, b"new").expect_err("a directory is in its place");
        assert!(format!("{refused:#}").starts_with("cannot replace "), "{refused:#}");
        assert!(!beside(&path).exists());
    }

    #[test]
    fn comments_and_order_stay_and_only_differences_are_written() {
        let mut settings = Settings::default();
        for (name, value) in [("maxclients", "7"), ("timeout", "30"), ("maxmemory", "1gb")] {
            let parameter = Settings::parameter(name).expect("it is a parameter");
            (parameter.set)(&mut settings, value).expect("it is allowed");
        }
        let text = "# how many\nmaxclients = 5 # so many\nmaxmemory = \"1gb\" # enough\nappendonly = true # safe\n";
        let new = rewritten(text, &settings).expect("the file is TOML");
        assert_eq!(
            new,
            "# how many\nmaxclients = 7 # so many\nmaxmemory = \"1gb\" # enough\nappendonly = true # safe\ntimeout = 30\n"
        );
        settings.appendonly.0 = false;
        let new = rewritten(text, &settings).expect("the file is TOML");
        assert!(new.contains("\nappendonly = \"no\" # safe\n"), "{new}");
    }
}
