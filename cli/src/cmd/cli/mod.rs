//! `rbq cli`: one command, or commands from stdin, with redis-cli's flags and redis-cli's output.
//!
//! Scripts written for redis-cli run with `rbq cli` in its place: the same bytes on stdout, the same exit codes. Where the two
//! differ on purpose: with `-e` an error in commands from stdin counts for the exit code too; a lost connection ends the run
//! with 1 instead of being made again behind the script's back; `UNSUBSCRIBE a b` shows both confirmations.

mod greeting;
mod stdin;

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use rbq_client::{Credentials, Endpoint, Error, Link, Options, Request, Target, reason};

use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::{environment_password, environment_server};
use crate::output::Output;
use crate::print::{Form, Printer};
use crate::session::{Errors, Pushes, Session, Turn};

const DEFAULT_HOST: &str = "127.0.0.1";

/// Run one command, or commands from stdin, as redis-cli does
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct CliArgs {
    /// Server host [default: 127.0.0.1]
    #[arg(short = 'h', value_name = "HOST")]
    host: Option<String>,
    /// Server port [default: 6379]
    #[arg(short = 'p', value_name = "PORT")]
    port: Option<u16>,
    /// Server Unix socket, instead of host and port
    #[arg(short = 's', value_name = "SOCKET")]
    socket: Option<PathBuf>,
    /// Server URL, instead of all of these: redis://[user:password@]host[:port][/db] or unix:///path [default: RBQ_URL]
    #[arg(short = 'u', value_name = "URL")]
    url: Option<Target>,
    /// Password; the environment variable REDISCLI_AUTH is the safer place
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD")]
    password: Option<String>,
    /// User, for servers with ACLs
    #[arg(long = "user", value_name = "USER")]
    user: Option<String>,
    /// Do not warn about a password on the command line
    #[arg(long = "no-auth-warning")]
    no_auth_warning: bool,
    /// Database number
    #[arg(short = 'n', value_name = "DB")]
    db: Option<u32>,
    /// Speak RESP2
    #[arg(short = '2')]
    resp2: bool,
    /// Speak RESP3
    #[arg(short = '3', conflicts_with = "resp2")]
    resp3: bool,
    /// Run the command this many times; -1 for ever
    #[arg(short = 'r', value_name = "TIMES", default_value_t = 1, allow_negative_numbers = true)]
    repeat: i64,
    /// With -r, wait this many seconds after each time
    #[arg(short = 'i', value_name = "SECONDS", default_value_t = 0.0)]
    interval: f64,
    /// Read the last argument from stdin
    #[arg(short = 'x')]
    last_from_stdin: bool,
    /// With raw output, what stands between elements
    #[arg(short = 'd', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    element_end: OsString,
    /// With raw output, what stands after a reply
    #[arg(short = 'D', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    reply_end: OsString,
    /// End with exit code 1 when a command is answered by an error
    #[arg(short = 'e')]
    exit_error: bool,
    /// Raw output, the default where stdout is no terminal
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json"])]
    raw: bool,
    /// Output for people, the default on a terminal
    #[arg(long, overrides_with_all = ["raw", "csv", "json"])]
    no_raw: bool,
    /// CSV output
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json"])]
    csv: bool,
    /// JSON output, over RESP3 unless -2 says otherwise
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv"])]
    json: bool,
    /// Whether to show RESP3 pushes; yes on a terminal, no elsewhere
    #[arg(long, value_name = "yes|no")]
    show_pushes: Option<YesNo>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The command and its arguments; without one, commands are read from stdin, one a line
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum YesNo {
    #[value(alias = "y")]
    Yes,
    #[value(alias = "n")]
    No,
}

pub(crate) async fn run(args: CliArgs) -> Result<Exit> {
    let mut out = Output::new();
    let command = args.request()?;
    args.warn();
    let target = args.target()?;
    let mut session = match args.connect(&target, &out).await {
        Ok(session) => session,
        Err(error) => {
            say(&unreachable(&target, &error));
            return Ok(Exit::Failed);
        }
    };
    let ended = match &command {
        Some(request) => one_command(&args, request, &mut session, &mut out).await,
        None => stdin::run(&mut session, args.interval()?, args.exit_error, &mut out).await,
    };
    match ended {
        Err(Failure::Server(error)) => {
            say(&match error {
                Error::Closed(None) => "Error: Server closed the connection".to_owned(),
                other => format!("Error: {other}"),
            });
            Ok(Exit::Failed)
        }
        other => other,
    }
}

async fn one_command(args: &CliArgs, request: &Request, session: &mut Session, out: &mut Output) -> Result<Exit> {
    let interval = args.interval()?;
    let mut left = args.repeat;
    while left != 0 {
        match session.ask(request, out).await? {
            Turn::Refused(text) if args.exit_error => {
                say(&text);
                return Ok(Exit::Failed);
            }
            Turn::Ended => break,
            Turn::Answered | Turn::Refused(_) => {}
        }
        left -= i64::from(left > 0);
        if !interval.is_zero() {
            tokio::time::sleep(interval).await;
        }
    }
    Ok(Exit::Done)
}

impl CliArgs {
    /// The command of the command line; `None` if commands come from stdin.
    fn request(&self) -> Result<Option<Request>> {
        if self.command.is_empty() {
            return Ok(None);
        }
        let mut request = Request::from(self.command.iter().map(|arg| arg.clone().into_vec()));
        if self.last_from_stdin {
            let mut argument = Vec::new();
            io::stdin().read_to_end(&mut argument)?;
            request.push(argument);
        }
        Ok(Some(request))
    }

    fn target(&self) -> Result<Target> {
        let mut target = match (&self.url, &self.socket, &self.host, self.port) {
            (Some(url), ..) => url.clone(),
            (None, Some(socket), ..) => Target::unix(socket),
            // What stands on the command line counts more than the environment.
            (None, None, None, None) => environment_server()?.unwrap_or_default().target,
            (None, None, host, port) => {
                Target::tcp(host.as_deref().unwrap_or(DEFAULT_HOST), port.unwrap_or(rbq_client::DEFAULT_PORT))
            }
        };
        if let Some(password) = &self.password {
            target.credentials = Some(Credentials { user: self.user.clone(), password: password.clone() });
        }
        if target.credentials.is_none() {
            let user = self.user.clone();
            target.credentials = environment_password().map(|password| Credentials { user, password });
        }
        target.db = self.db.unwrap_or(target.db);
        Ok(target)
    }

    /// A password in the arguments can be read by every process of the machine.
    fn warn(&self) {
        let in_url = self.url.as_ref().is_some_and(|url| url.credentials.is_some());
        if (self.password.is_some() || in_url) && !self.no_auth_warning {
            say("Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.");
        }
    }

    async fn connect(&self, target: &Target, out: &Output) -> std::result::Result<Session, Error> {
        let mut link = Link::connect_silently(target, &Options::default()).await?;
        greeting::greet(&mut link, target, self.resp3()).await?;
        // In stdin mode redis-cli shows errors like any reply, whatever -e says.
        let errors = if self.exit_error && !self.command.is_empty() { Errors::Return } else { Errors::Print };
        let pushes = match self.show_pushes {
            Some(YesNo::Yes) => Pushes::Show,
            Some(YesNo::No) => Pushes::Hide,
            None if out.is_terminal() => Pushes::Show,
            None => Pushes::Hide,
        };
        Ok(Session::new(link, self.printer(out), errors, pushes))
    }

    fn resp3(&self) -> bool {
        self.resp3 || self.json && !self.resp2
    }

    fn printer(&self, out: &Output) -> Printer {
        let form = match (self.csv, self.json, self.raw, self.no_raw) {
            (true, ..) => Form::Csv,
            (_, true, ..) => Form::Json,
            (_, _, true, _) => Form::Raw,
            (_, _, _, true) => Form::Tty,
            _ if out.is_terminal() => Form::Tty,
            _ => Form::Raw,
        };
        let bytes = |text: &OsString| text.clone().into_vec();
        Printer { form, element_end: bytes(&self.element_end), reply_end: bytes(&self.reply_end) }
    }

    fn interval(&self) -> Result<Duration> {
        Duration::try_from_secs_f64(self.interval).map_err(|_| Failure::usage("-i wants a number of seconds"))
    }
}

/// redis-cli's sentence, for scripts that look for it.
fn unreachable(target: &Target, error: &Error) -> String {
    match error {
        Error::Connect { endpoint, source } => {
            // It writes IPv6 addresses without brackets.
            let place = match endpoint {
                Endpoint::Tcp { host, port } => format!("{host}:{port}"),
                Endpoint::Unix(path) => path.display().to_string(),
            };
            format!("Could not connect to Redis at {place}: {}", reason(source))
        }
        other => format!("Could not talk to Redis at {}: {other}", target.endpoint),
    }
}
