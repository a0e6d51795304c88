//! The servers that a user has given names: `contexts.toml` in the user's configuration directory.
//!
//! ```toml
//! current = "staging"
//!
//! [contexts.staging]
//! url = "redis://ann:secret@staging.example:6379"
//!
//! [contexts.prod]
//! url = "rediss://ann:secret@prod.example:6379"
//! ca = "/etc/ssl/prod-ca.pem"
//! protected = true
//! ```
//!
//! Invariant: a file with a password in it is its owner's alone. It is written so, and one that others may read is refused,
//! as ssh refuses a key: a warning would be read once and forgotten.
//!
//! A change is made under a lock on the directory and becomes visible by a rename, so that two commands at once lose nothing
//! and a crash leaves the old file or the new one.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rbq_client::{Identity, Target, Tls, Trust};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};

/// Names the file itself. Not `RBQ_CONFIG`: that is the server's own configuration file.
const FILE_VARIABLE: &str = "RBQ_CONTEXTS";

/// What the owner alone may do: `rwx------`.
const DIRECTORY_MODE: u32 = 0o700;

/// Every right of anybody but the owner.
const OTHERS: u32 = 0o077;

/// A server with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    url: String,
    /// The authorities to trust, instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
    /// The certificate to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cert: Option<PathBuf>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<PathBuf>,
    /// The name in the server's certificate, where it is not the host of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
    /// Whether any certificate is believed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    insecure: bool,
    /// Whether what destroys or moves wants the context's name typed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) protected: bool,
}

impl Context {
    /// A context of a URL, and of how to speak TLS beyond what the URL says.
    pub(crate) fn new(url: String, tls: Option<&Tls>, protected: bool) -> Self {
        let identity = tls.and_then(|tls| tls.identity.as_ref());
        Self {
            url,
            ca: tls.and_then(|tls| if let Trust::File(file) = &tls.trust { Some(file.clone()) } else { None }),
            cert: identity.map(|identity| identity.certificate.clone()),
            key: identity.map(|identity| identity.key.clone()),
            server_name: tls.and_then(|tls| tls.server_name.clone()),
            insecure: tls.is_some_and(|tls| matches!(tls.trust, Trust::Anyone)),
            protected,
        }
    }

    /// Where it leads.
    pub(crate) fn target(&self, name: &str) -> Result<Target> {
        let mut target: Target =
            self.url.parse().map_err(|error| Failure::new(format!("the URL of context `{name}`: {error}")))?;
        let identity = self.cert.clone().zip(self.key.clone());
        let identity = identity.map(|(certificate, key)| Identity { certificate, key });
        if self.ca.is_some() || self.insecure || identity.is_some() || self.server_name.is_some() {
            let tls = target.tls.get_or_insert_default();
            tls.trust = match &self.ca {
                Some(file) => Trust::File(file.clone()),
                None if self.insecure => Trust::Anyone,
                None => Trust::default(),
            };
            (tls.identity, tls.server_name) = (identity, self.server_name.clone());
        }
        Ok(target)
    }

    fn holds_password(&self) -> bool {
        // What cannot be parsed may hold one all the same.
        self.url.parse::<Target>().map_or(true, |target| target.credentials.is_some())
    }
}

/// All contexts of the user.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
}

impl Contexts {
    /// What the file says; nothing if there is none.
    pub(crate) fn read() -> Result<Self> {
        match path() {
            Some(path) => Self::read_from(&path),
            None => Ok(Self::default()),
        }
    }

    /// Changes the file by `change`, if that succeeds.
    pub(crate) fn change<T>(change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let path = path().ok_or_else(|| {
            Failure::new("there is no place for contexts").hint(format!("set HOME, or {FILE_VARIABLE} to a file"))
        })?;
        // The file may be a link into a collection of dotfiles: the link stays.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let directory = path.parent().unwrap_or(Path::new("/"));
        let cannot = |error: io::Error| cannot("write", &path, &error);
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory).map_err(cannot)?;
        let lock = File::open(directory).map_err(cannot)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| cannot(error.into()))?;
        let mut contexts = Self::read_from(&path)?;
        let changed = change(&mut contexts)?;
        contexts.write_to(&path, directory).map_err(cannot)?;
        lock.sync_all().map_err(cannot)?;
        Ok(changed)
    }

    /// The context of this name.
    pub(crate) fn find(&self, name: &str) -> Result<&Context> {
        self.contexts.get(name).ok_or_else(|| {
            let names: Vec<String> = self.contexts.keys().map(|name| format!("`{name}`")).collect();
            Failure::usage(format!("there is no context `{name}`")).hint(match names.len() {
                0 => "`rbq context add NAME URL` makes one".to_owned(),
                _ => format!("there are {}; `rbq context add NAME URL` makes one", names.join(", ")),
            })
        })
    }

    /// The one in use, unless it has gone.
    pub(crate) fn current(&self) -> Option<(&str, &Context)> {
        let name = self.current.as_deref()?;
        Some((name, self.contexts.get(name)?))
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Context)> {
        self.contexts.iter().map(|(name, context)| (name.as_str(), context))
    }

    /// Adds one, or replaces it.
    pub(crate) fn put(&mut self, name: &str, context: Context) {
        self.contexts.insert(name.to_owned(), context);
    }

    /// Makes one that is there the current one.
    pub(crate) fn choose(&mut self, name: &str) -> Result<()> {
        self.find(name)?;
        self.current = Some(name.to_owned());
        Ok(())
    }

    /// Forgets one.
    pub(crate) fn remove(&mut self, name: &str) {
        self.contexts.remove(name);
        self.current.take_if(|current| current == name);
    }

    fn read_from(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(cannot("read", path, &error)),
        };
        let contexts: Self = toml::from_str(&text).map_err(|error| {
            // The message alone: the excerpt that toml shows beside it may hold a password.
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Failure::new(format!("`{}`, line {line}: {}", path.display(), error.message()))
        })?;
        let mode = fs::metadata(path).map_err(|error| cannot("read", path, &error))?.permissions().mode();
        if mode & OTHERS != 0 && contexts.contexts.values().any(Context::holds_password) {
            return Err(Failure::new(format!("`{}` holds a password and is open to other users", path.display()))
                .hint(format!("`chmod 600 {}` closes it", path.display())));
        }
        Ok(contexts)
    }

    fn write_to(&self, path: &Path, directory: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        // A temporary file is made for its owner alone (0600), and keeps that when it is renamed.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot {what} `{}`: {}", path.display(), crate::failure::spoken(error)))
}

/// Where the file is, or would be.
pub(crate) fn path() -> Option<PathBuf> {
    path_of(|name| env::var_os(name).map(PathBuf::from))
}

fn path_of(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    if let Some(chosen) = variable(FILE_VARIABLE) {
        return Some(chosen).filter(|path| path != Path::new(""));
    }
    // The XDG base directory specification: only absolute paths count.
    let home = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let home = home.or_else(|| Some(variable("HOME").filter(|home| home != Path::new(""))?.join(".config")))?;
    Some(home.join("rbq/contexts.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_directory_holds_the_file() {
        let with = |pairs: &'static [(&str, &str)]| {
            path_of(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value)))
        };
        assert_eq!(with(&[("HOME", "/home/ann")]), Some("/home/ann/.config/rbq/contexts.toml".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]), Some("/c/rbq/contexts.toml".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "c")]), Some("/h/.config/rbq/contexts.toml".into()));
        assert_eq!(with(&[("HOME", "/h"), ("RBQ_CONTEXTS", "")]), None);
        assert_eq!(with(&[("RBQ_CONTEXTS", "/x/c")]), Some("/x/c".into()));
        assert_eq!(with(&[("HOME", "")]), None);
    }
}
