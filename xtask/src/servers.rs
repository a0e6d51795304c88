//! Servers to compare and to measure: started on a free port, ready when they answer, ended by their own id.
//!
//! rbq and `redis-server` take the same flags, so one list serves both, and nothing of rbq's comes from the environment. A server
//! keeps nothing: its folder is removed with it, unless it is started in a folder of somebody else's.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fmt, thread};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::workspace;

/// Another program may take the free port before the server binds it; then a new one is tried.
const STARTS_MAX: usize = 5;

/// How long a server may take until it answers. Generous: a busy machine is not a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long after its connections were closed a server may still be there that ends.
const PATIENCE_FOR_AN_END: Duration = Duration::from_secs(10);

/// How often it is asked meanwhile.
const POLL: Duration = Duration::from_millis(5);

/// Nothing on disk, and one address.
const FLAGS: &[&str] = &["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];

/// For a server whose data is what is looked at.
const FLAGS_KEPT: &[&str] = &["--bind", "127.0.0.1", "--appendonly", "yes"];

/// A program that speaks RESP on the port it is told.
#[derive(Clone, Debug)]
pub struct Program {
    /// What reports call it.
    pub name: String,
    path: PathBuf,
    args: Vec<String>,
}

impl Program {
    /// Any program, with the flags that keep it off the disk.
    pub fn new(name: &str, path: impl Into<PathBuf>) -> Self {
        let args = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        Self { name: name.to_owned(), path: path.into(), args }
    }

    /// The real one: `$RBQ_REDIS_SERVER`, or `redis-server` on the path.
    #[must_use]
    pub fn redis() -> Self {
        Self::new("redis", env::var_os("RBQ_REDIS_SERVER").unwrap_or_else(|| "redis-server".into()))
    }

    /// Ours, built in this profile unless `path` names one.
    pub fn rbq(path: Option<&Path>, profile: Profile) -> Result<Self> {
        let path = match path {
            // It is started in a folder of its own.
            Some(path) => std::path::absolute(path)?,
            None => build(profile)?,
        };
        Ok(Self::new("rbq", path))
    }

    /// The same, with its data on disk.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.args = FLAGS_KEPT.iter().map(|&flag| flag.to_owned()).collect();
        self
    }

    /// This program again, called so, with subcommand and flags of its own.
    pub fn own(name: &str, args: &[&str]) -> Result<Self> {
        Ok(Self::tool(name, &env::current_exe()?, args))
    }

    /// The same with the tools at this path, which may be built from other sources.
    #[must_use]
    pub fn tool(name: &str, path: &Path, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { name: name.to_owned(), path: path.to_owned(), args }
    }

    /// The same with one more flag.
    #[must_use]
    pub fn with(mut self, flag: &str, value: &str) -> Self {
        self.args.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    /// Whether it can be run at all.
    #[must_use]
    pub fn exists(&self) -> bool {
        let mut command = Command::new(&self.path);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// What it says its version is.
    #[must_use]
    pub fn version(&self) -> String {
        let output = Command::new(&self.path).arg("--version").stdin(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// Starts it and returns when it answers.
    pub fn start(&self) -> Result<Server> {
        let folder = tempfile::tempdir().context("making a folder for a server")?;
        let mut server = self.start_in(folder.path())?;
        server.folder = Some(folder);
        Ok(server)
    }

    /// The same in a folder that is there before it and after it.
    pub fn start_in(&self, folder: &Path) -> Result<Server> {
        let mut problem = String::new();
        for _ in 0..STARTS_MAX {
            match self.start_once(folder)? {
                Ok(server) => return Ok(server),
                Err(log) => problem = log,
            }
        }
        Err(DidNotStart { program: self.path.display().to_string(), log: problem }.into())
    }

    /// Starts it once, though it may end before it answers.
    pub fn try_start_in(&self, folder: &Path) -> Result<Option<Server>> {
        Ok(self.start_once(folder)?.ok())
    }

    /// A running server, or the log of one that ended.
    fn start_once(&self, folder: &Path) -> Result<Result<Server, String>> {
        let log = folder.join("log");
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut command = Command::new(&self.path);
        command.args(&self.args).args(["--port", &addr.port().to_string()]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(File::create(&log)?).stderr(File::options().append(true).open(&log)?);
        without_settings(&mut command, env::vars_os().map(|(name, _)| name));
        let child = command.spawn().with_context(|| format!("starting `{}`", self.path.display()))?;
        let mut server = Server { name: self.name.clone(), child, addr, log, folder: None };
        let deadline = Instant::now() + PATIENCE;
        while !answers(addr) {
            if server.child.try_wait()?.is_some() {
                return Ok(Err(server.said()));
            }
            ensure!(Instant::now() < deadline, "`{}` does not answer", self.path.display());
            thread::sleep(POLL);
        }
        Ok(Ok(server))
    }
}

/// A server has what its flags say, and nothing of what somebody has set for a server of their own.
fn without_settings(command: &mut Command, variables: impl Iterator<Item = OsString>) {
    for variable in variables.filter(|name| name.to_string_lossy().starts_with("RBQ_")) {
        command.env_remove(variable);
    }
}

fn answers(addr: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}

/// A server that ended before it answered.
#[derive(Debug)]
pub struct DidNotStart {
    /// Where it is.
    pub program: String,
    /// What it said.
    pub log: String,
}

impl fmt::Display for DidNotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not start: {}", self.program, self.log)
    }
}

impl std::error::Error for DidNotStart {}

/// How fast a server is built, and how fast it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As tests are: with the checks of debug builds.
    Dev,
    /// As it is shipped.
    Release,
}

/// Builds `rbq-server` and returns where it is.
fn build(profile: Profile) -> Result<PathBuf> {
    build_at(workspace::root(), profile, None)
}

/// Builds `rbq-server` of the workspace at `root`, into a target folder of its own if one is named.
pub fn build_at(root: &Path, profile: Profile, target: Option<&Path>) -> Result<PathBuf> {
    build_package_at(root, "rbq-server", profile, target)
}

/// The same for the package that makes a program of its own name.
pub fn build_package_at(root: &Path, package: &str, profile: Profile, target: Option<&Path>) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.current_dir(root).args(["build", "--quiet", "--package", package, "--message-format", "json"]);
    cargo.args((profile == Profile::Release).then_some("--release"));
    cargo.args(target.map(|_| OsStr::new("--target-dir")).into_iter().chain(target.map(Path::as_os_str)));
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("running cargo")?;
    ensure!(output.status.success(), "{package} does not build");
    let messages = cargo_metadata::Message::parse_stream(output.stdout.as_slice()).collect::<Result<Vec<_>, _>>()?;
    let executable = messages.into_iter().find_map(|message| match message {
        cargo_metadata::Message::CompilerArtifact(artifact) if artifact.target.name == package => artifact.executable,
        _ => None,
    });
    Ok(executable.with_context(|| format!("the build made no `{package}`"))?.into_std_path_buf())
}

/// A running server, ended when dropped.
#[derive(Debug)]
pub struct Server {
    /// What reports call it.
    pub name: String,
    child: Child,
    addr: SocketAddr,
    log: PathBuf,
    /// Its working folder, if that is to be removed with it.
    folder: Option<TempDir>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it ends by itself, which somebody who lost his connection may see a moment before it has ended.
    pub fn ends(&mut self) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE_FOR_AN_END;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
        Ok(true)
    }

    /// Ends it with SIGKILL: it learns nothing of it. Returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing a server")?;
        self.child.wait().context("waiting for the end of a server")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already needs nothing.
        let _ = self.kill();
        drop(self.folder.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_of_the_caller_reaches_a_server() {
        let mut command = Command::new("rbq-server");
        without_settings(&mut command, ["RBQ_REQUIREPASS", "PATH", "RBQ_CONFIG"].into_iter().map(OsString::from));
        let changed: Vec<_> = command.get_envs().collect();
        assert_eq!(
            changed,
            [("RBQ_CONFIG", None), ("RBQ_REQUIREPASS", None)].map(|(name, value)| (OsStr::new(name), value))
        );
    }
}
