//! redis-cli's flags: one declaration feeds parser, help, completions and manual.
//!
//! Numbers are read as C reads them (`atoi`, `atof`: what is no number is 0), and the last of a flag counts, because scripts
//! rely on both. Flags of redis-cli that are not here are listed with their reasons in `docs/redis-cli.md`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use rbq_client::{Identity, Request, Target, TargetError, Tls, Trust};
use rbq_resp::split_args;

use super::dial::Login;
use super::{Run, Stop, wrong};
use crate::failure::say;
use crate::open::{self, Server, environment_password};
use crate::print::{Form, Printer};
use crate::session::Pushes;

/// Under which the options that redis-cli does not have stand in `--help`.
const CONTEXT_HEADING: &str = "Contexts, which redis-cli does not have";

/// Run one command, or commands from stdin, as redis-cli does
#[derive(Debug, Clone, Args)]
#[command(version, disable_help_flag = true, disable_version_flag = true, args_override_self = true)]
pub(crate) struct CliArgs {
    /// Server host [default: 127.0.0.1]
    #[arg(short = 'h', value_name = "HOST", allow_hyphen_values = true)]
    pub(super) host: Option<String>,
    /// Server port [default: 6379]
    #[arg(short = 'p', value_name = "PORT", value_parser = atoi, allow_hyphen_values = true)]
    pub(super) port: Option<i64>,
    /// Server Unix socket, instead of host and port
    #[arg(short = 's', value_name = "SOCKET", allow_hyphen_values = true)]
    pub(super) socket: Option<PathBuf>,
    /// Server URL, instead of all of these: redis[s]://[user:password@]host[:port][/db] or unix:///path [env: RBQ_URL]
    #[arg(short = 'u', value_name = "URL", allow_hyphen_values = true)]
    url: Option<String>,
    /// Password; the environment variable REDISCLI_AUTH is the safer place
    #[arg(short = 'a', value_name = "PASSWORD", allow_hyphen_values = true, overrides_with = "pass")]
    password: Option<OsString>,
    /// The same as -a
    #[arg(long, value_name = "PASSWORD", allow_hyphen_values = true, overrides_with = "password")]
    pass: Option<OsString>,
    /// User, for servers with ACLs
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    user: Option<String>,
    /// Ask for the password on the terminal; -a and REDISCLI_AUTH do not count then
    #[arg(long)]
    pub(super) askpass: bool,
    /// Do not warn about a password on the command line
    #[arg(long)]
    no_auth_warning: bool,
    /// Database number
    #[arg(short = 'n', value_name = "DB", value_parser = atoi, allow_hyphen_values = true)]
    db: Option<i64>,
    /// Follow the redirects of a cluster
    #[arg(short = 'c')]
    pub(super) cluster: bool,
    /// Speak RESP2
    #[arg(short = '2')]
    resp2: bool,
    /// Speak RESP3
    #[arg(short = '3')]
    resp3: bool,
    /// Run the command this many times; -1 for ever
    #[arg(short = 'r', value_name = "TIMES", default_value = "1", value_parser = atoi, allow_hyphen_values = true)]
    pub(super) repeat: i64,
    /// With -r, wait this many seconds after each time; with --scan, --stat and --latency between rounds
    #[arg(short = 'i', value_name = "SECONDS", default_value = "0", value_parser = atof, allow_hyphen_values = true)]
    interval: f64,
    /// Read the last argument from stdin
    #[arg(short = 'x')]
    last_from_stdin: bool,
    /// Read the argument that is this TAG from stdin
    #[arg(short = 'X', value_name = "TAG", allow_hyphen_values = true)]
    tag_from_stdin: Option<OsString>,
    /// With raw output, what stands between elements
    #[arg(short = 'd', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    #[arg(allow_hyphen_values = true)]
    element_end: OsString,
    /// With raw output, what stands after a reply
    #[arg(short = 'D', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    #[arg(allow_hyphen_values = true)]
    reply_end: OsString,
    /// End with exit code 1 when a command is answered by an error
    #[arg(short = 'e')]
    pub(super) exit_error: bool,
    /// Raw output, the default where stdout is no terminal
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json", "quoted_json"])]
    raw: bool,
    /// Output for people, the default on a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json", "quoted_json"])]
    no_raw: bool,
    /// CSV output
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json", "quoted_json"])]
    csv: bool,
    /// JSON output, over RESP3 unless -2 says otherwise
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "quoted_json"])]
    json: bool,
    /// JSON output in ASCII, with redis-cli's quotes inside of JSON's
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "json"])]
    quoted_json: bool,
    /// Read the arguments as quoted strings with escapes: '"a\x00b"'
    #[arg(long)]
    quoted_input: bool,
    /// Whether to show RESP3 pushes; yes on a terminal, no elsewhere
    #[arg(long, value_name = "yes|no", allow_hyphen_values = true)]
    show_pushes: Option<String>,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    pub(super) mode: ModeFlags,
    /// The server that `rbq context add` gave this name [env: RBQ_CONTEXT]; the current one of `rbq context use` does not
    /// count here, as nothing does that redis-cli does not know
    #[arg(long, value_name = "NAME", help_heading = CONTEXT_HEADING, allow_hyphen_values = true)]
    pub(super) context: Option<String>,
    /// In a protected context: send what destroys or moves without asking
    #[arg(long, value_name = "CONTEXT", help_heading = CONTEXT_HEADING, allow_hyphen_values = true)]
    pub(super) confirm: Option<String>,
    /// Whether this is plain `rbq`, which goes where the other commands go.
    #[arg(skip)]
    pub(crate) follows_current: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    /// The command and its arguments; without one, commands are read from stdin, one a line
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

/// How to speak TLS, in redis-cli's words.
#[derive(Debug, Clone, Args)]
struct TlsFlags {
    /// Speak TLS
    #[arg(long)]
    tls: bool,
    /// With --tls, the server's name: asked for, and looked for in its certificate
    #[arg(long, value_name = "HOST")]
    sni: Option<String>,
    /// With --tls, trust only the authorities in this file
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// With --tls, trust only the authorities in this directory
    #[arg(long, value_name = "DIR")]
    cacertdir: Option<PathBuf>,
    /// With --tls, believe any certificate
    #[arg(long)]
    insecure: bool,
    /// With --tls, the client's certificate
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// With --tls, the key to it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// What to do instead of sending a command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Instead of a command")]
pub(super) struct ModeFlags {
    /// Show the server's figures, a line every second or every -i seconds
    #[arg(long)]
    pub(super) stat: bool,
    /// Measure how long PING takes: for ever on a terminal, else for a second or -i seconds
    #[arg(long)]
    pub(super) latency: bool,
    /// The same, beginning anew every 15 seconds or -i seconds
    #[arg(long)]
    pub(super) latency_history: bool,
    /// Measure for so many seconds how long this machine keeps a busy program waiting; no server is asked
    #[arg(long, value_name = "SECONDS", value_parser = atoi, allow_hyphen_values = true)]
    pub(super) intrinsic_latency: Option<i64>,
    /// List all keys
    #[arg(long)]
    pub(super) scan: bool,
    /// With --scan, --bigkeys, --memkeys and --hotkeys, only keys that match
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, overrides_with = "quoted_pattern")]
    pattern: Option<OsString>,
    /// The same, as a quoted string with escapes
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, overrides_with = "pattern")]
    quoted_pattern: Option<OsString>,
    /// With --scan, --bigkeys, --memkeys and --hotkeys, how many keys to ask for at a time
    #[arg(long, value_name = "KEYS", value_parser = atoi)]
    pub(super) count: Option<i64>,
    /// Find the keys with the most elements
    #[arg(long)]
    pub(super) bigkeys: bool,
    /// Find the keys that take the most memory
    #[arg(long)]
    pub(super) memkeys: bool,
    /// The same, looking at so many elements of a key
    #[arg(long, value_name = "ELEMENTS", value_parser = atoi, allow_hyphen_values = true)]
    pub(super) memkeys_samples: Option<i64>,
    /// Find the keys that are used most; the server's maxmemory-policy has to be one of *lfu
    #[arg(long)]
    pub(super) hotkeys: bool,
    /// Send requests as they stand on stdin, already in the protocol, and count the replies
    #[arg(long)]
    pub(super) pipe: bool,
    /// With --pipe, give up when no reply has come for so many seconds after the last request; 0 never
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = atoi, allow_hyphen_values = true)]
    pub(super) pipe_timeout: i64,
    /// Run the Lua script in this file: KEY… , ARGUMENT… follow
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    pub(super) eval: Option<PathBuf>,
}

/// What stands before everything else in a number.
fn number_at_start(text: &str, fraction: bool) -> &str {
    let text = text.trim_start();
    let signed = usize::from(text.starts_with(['-', '+']));
    let is_part = |byte: &u8| byte.is_ascii_digit() || fraction && *byte == b'.';
    let digits = text.as_bytes()[signed..].iter().take_while(|byte| is_part(byte)).count();
    &text[..signed + digits]
}

fn atoi(text: &str) -> Result<i64, Infallible> {
    Ok(number_at_start(text, false).parse().unwrap_or(0))
}

fn atof(text: &str) -> Result<f64, Infallible> {
    Ok(number_at_start(text, true).parse().unwrap_or(0.0))
}

/// Why a command line cannot be understood.
pub(crate) enum Complaint {
    /// A flag that is none, or has no value.
    Unrecognized(String),
    /// `-h` at the end.
    HelpWanted,
}

/// What redis-cli would say of a command line; `None` where the parser's own words do (help, version).
pub(crate) fn complaint(error: &clap::Error, last: Option<&OsString>) -> Option<Complaint> {
    let flag = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        // A flag whose value is missing can only be the last word.
        ErrorKind::InvalidValue if last? == "-h" => return Some(Complaint::HelpWanted),
        ErrorKind::InvalidValue => last?.to_string_lossy().into_owned(),
        _ => match error.get(ContextKind::InvalidArg)? {
            ContextValue::String(flag) => flag.clone(),
            _ => return None,
        },
    };
    Some(Complaint::Unrecognized(flag))
}

pub(crate) fn unrecognized(flag: &str) -> String {
    format!("Unrecognized option or bad number of args for: '{flag}'")
}

impl CliArgs {
    /// What cannot go together, in the order in which redis-cli finds it.
    pub(super) fn check(&self) -> Run<()> {
        if self.resp2 && self.resp3 {
            return Err(wrong("Options -2 and -3 are mutually exclusive."));
        }
        // Alone it looks like an argument to the parser, and like a flag to redis-cli.
        if self.command.first().is_some_and(|word| word == "-") {
            return Err(wrong(unrecognized("-")));
        }
        if self.last_from_stdin && self.tag_from_stdin.is_some() {
            return Err(wrong("Options -x and -X are mutually exclusive."));
        }
        if self.context.is_some() && self.names_server() {
            return Err(wrong("Options --context and -h, -p, -s, -u are mutually exclusive."));
        }
        Ok(())
    }

    /// Whether the server is named in redis-cli's own words.
    fn names_server(&self) -> bool {
        self.host.is_some() || self.port.is_some() || self.socket.is_some() || self.url.is_some()
    }

    /// The server that is named in `rbq`'s own words; `None` where redis-cli's count, or nothing is said at all.
    pub(super) fn named_server(&self) -> Run<Option<Server>> {
        if self.names_server() {
            return Ok(None);
        }
        if let Some(name) = &self.context {
            return Ok(Some(open::of_context(name)?));
        }
        Ok(match open::environment_server()? {
            None if self.follows_current => open::current_server()?,
            named => named,
        })
    }

    /// Tells a person at the prompt that the current context is not where it leads.
    pub(super) fn note_the_current_context(&self) {
        if self.names_server() || !io::stdin().is_terminal() {
            return;
        }
        // A file of contexts that cannot be read is no matter of a command that does not look into it.
        if let Ok(Some(Server { context: Some(name), .. })) = open::current_server() {
            say(&format!(
                "note: `rbq cli` does not follow the current context; `--context {name}` does, and plain `rbq`"
            ));
        }
    }

    /// The command of the command line; `None` if commands come from stdin.
    pub(super) fn request(&self) -> Run<Option<Request>> {
        if self.command.is_empty() {
            return Ok(None);
        }
        let mut words = self.words()?;
        if self.last_from_stdin || self.tag_from_stdin.is_some() {
            let mut argument = Vec::new();
            io::stdin().read_to_end(&mut argument).map_err(|error| wrong(error.to_string()))?;
            self.place(argument, &mut words)?;
        }
        Ok(Some(Request::from(words)))
    }

    fn words(&self) -> Run<Vec<Vec<u8>>> {
        let words = self.command.iter().map(|word| {
            if self.quoted_input {
                unquoted(word.as_bytes()).ok_or_else(|| Stop::Print("Invalid quoted string".to_owned()))
            } else {
                Ok(word.clone().into_vec())
            }
        });
        words.collect()
    }

    fn place(&self, argument: Vec<u8>, words: &mut Vec<Vec<u8>>) -> Run<()> {
        match &self.tag_from_stdin {
            Some(tag) => {
                let place = words.iter_mut().find(|word| *word == tag.as_bytes());
                *place.ok_or_else(|| wrong("Using -X option but stdin tag not match."))? = argument;
            }
            None => words.push(argument),
        }
        Ok(())
    }

    /// `EVAL` of the script in --eval's file: what stands before a lone comma are keys.
    pub(super) fn script(&self, file: &PathBuf) -> Run<Request> {
        let script = std::fs::read(file)
            .map_err(|error| wrong(format!("Can't open file '{}': {}", file.display(), rbq_client::reason(&error))))?;
        let mut keys = self.command.split(|word| word == ",");
        let (keys, comma) = (keys.next().unwrap_or_default(), keys.next().is_some());
        let arguments = if comma { &self.command[keys.len() + 1..] } else { &[] };
        let request = Request::new("EVAL").arg(script).arg(keys.len().to_string());
        Ok(request.args(keys.iter().chain(arguments).map(|word| word.as_bytes())))
    }

    /// Who to be, from -u, -a, --user and the environment; --askpass is asked for by the caller.
    pub(super) fn login(&self, url: Option<&Target>) -> Option<Login> {
        let bytes = |text: &String| text.clone().into_bytes();
        let in_url = url
            .and_then(|url| url.credentials.as_ref())
            .map(|credentials| Login { user: credentials.user.clone(), password: bytes(&credentials.password) });
        let user = || self.user.clone().or_else(|| in_url.as_ref().and_then(|login| login.user.clone()));
        if let Some(password) = self.password.as_ref().or(self.pass.as_ref()) {
            return Some(Login { user: user(), password: password.clone().into_vec() });
        }
        let environment = || environment_password().map(|password| Login { user: user(), password: bytes(&password) });
        in_url.clone().or_else(environment)
    }

    /// A password in the arguments can be read by every process of the machine.
    pub(super) fn warn(&self, url: Option<&Target>) {
        let in_url = url.is_some_and(|url| url.credentials.is_some());
        let given = self.password.is_some() || self.pass.is_some() || in_url;
        if given && !self.no_auth_warning {
            say("Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.");
        }
    }

    pub(super) fn user(&self) -> Option<String> {
        self.user.clone()
    }

    pub(super) fn url(&self) -> Run<Option<Target>> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        match url.parse() {
            Ok(target) => Ok(Some(target)),
            Err(TargetError::Scheme) => Err(wrong("Invalid URI scheme")),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// The database of -n, or the one of the URL.
    pub(super) fn db(&self, url: u32) -> i64 {
        self.db.unwrap_or_else(|| url.into())
    }

    /// TLS as the flags say it; without --tls the others mean nothing, as in redis-cli.
    pub(super) fn tls(&self) -> Option<Tls> {
        let TlsFlags { sni, cacert, cacertdir, insecure, cert, key, .. } = self.tls.clone();
        let trust = match (insecure, cacert, cacertdir) {
            (true, ..) => Trust::Anyone,
            (_, Some(file), _) => Trust::File(file),
            (_, _, Some(directory)) => Trust::Directory(directory),
            _ => Trust::System,
        };
        // One of them alone is of no use; an empty path says so when it is opened.
        let either = cert.is_some() || key.is_some();
        let identity = either.then(|| Identity { certificate: cert.unwrap_or_default(), key: key.unwrap_or_default() });
        self.tls.tls.then_some(Tls { trust, identity, server_name: sni })
    }

    pub(super) fn pushes(&self, terminal: bool) -> Pushes {
        match self.show_pushes.as_deref().map(|text| (text, text.chars().next().map(|c| c.to_ascii_lowercase()))) {
            Some((_, Some('y'))) => return Pushes::Show,
            Some((_, Some('n'))) => return Pushes::Hide,
            Some((text, _)) => say(&format!("Unknown --show-pushes value '{text}' (valid: '[y]es', '[n]o')")),
            None => {}
        }
        if terminal { Pushes::Show } else { Pushes::Hide }
    }

    pub(super) fn resp3(&self) -> bool {
        self.resp3 || (self.json || self.quoted_json) && !self.resp2
    }

    pub(super) fn printer(&self, terminal: bool) -> Printer {
        let form = match (self.csv, self.json, self.quoted_json, self.raw, self.no_raw) {
            (true, ..) => Form::Csv,
            (_, true, ..) => Form::Json,
            (_, _, true, ..) => Form::QuotedJson,
            (_, _, _, true, _) => Form::Raw,
            (.., true) => Form::Tty,
            _ if terminal => Form::Tty,
            _ => Form::Raw,
        };
        let bytes = |text: &OsString| text.clone().into_vec();
        Printer { form, element_end: bytes(&self.element_end), reply_end: bytes(&self.reply_end) }
    }

    /// Less than nothing is nothing.
    pub(super) fn interval(&self) -> Duration {
        Duration::try_from_secs_f64(self.interval).unwrap_or_default()
    }
}

impl ModeFlags {
    /// What keys have to match; `None` are all.
    pub(super) fn pattern(&self) -> Run<Option<Vec<u8>>> {
        match (&self.pattern, &self.quoted_pattern) {
            (_, Some(quoted)) => match unquoted(quoted.as_bytes()) {
                Some(pattern) => Ok(Some(pattern)),
                None => Err(wrong("Invalid quoted string specified for --quoted-pattern.")),
            },
            (pattern, None) => Ok(pattern.clone().map(OsString::into_vec)),
        }
    }
}

/// The one string that this text quotes.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    match split_args(text).ok()?.as_mut_slice() {
        [one] => Some(std::mem::take(one)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, integer, float) in
            [("12", 12, 12.0), (" -3x", -3, -3.0), ("x", 0, 0.0), ("0.5s", 0, 0.5), ("+", 0, 0.0)]
        {
            assert_eq!((atoi(text), atof(text)), (Ok(integer), Ok(float)), "{text}");
        }
    }
}
