//! Where settings come from: flags over environment over file over defaults.
//!
//! All three are made from the broker's one table of parameters, so a parameter has one name everywhere: `maxmemory`
//! in the file, `--maxmemory` on the command line, `RBQ_MAXMEMORY` in the environment. Whatever is unknown or wrong
//! is refused with its name, its place and what is allowed: a typo must never start a server that differs from
//! what its operator wrote.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use rbq_broker::Settings;
use rbq_broker::settings::{PARAMETERS, Parameter};
use rbq_journal::said;

/// What the server was told.
#[derive(Debug)]
pub struct Config {
    /// Every parameter.
    pub settings: Settings,
    /// The file it was read from.
    pub file: Option<PathBuf>,
    /// Only check, do not serve.
    pub check_only: bool,
    /// What was left aside, for the log.
    pub warnings: Vec<String>,
}

/// The command line, for help, completion and manual pages too.
pub fn command(name: &'static str) -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .env("RBQ_CONFIG")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Read parameters from this TOML file");
    let check = Arg::new("check-config")
        .long("check-config")
        .action(ArgAction::SetTrue)
        .help("Check the configuration, say what is wrong with it, and exit");
    let parameters = PARAMETERS.iter().map(|parameter| {
        Arg::new(parameter.name)
            .long(parameter.name)
            .value_name("VALUE")
            .allow_hyphen_values(true)
            .num_args(1)
            .hide_default_value(true)
            .help(format!("{} [default: {}]", parameter.doc.trim(), shown(parameter.default)))
    });
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about("A message broker that every Redis client already speaks to")
        .after_help(
            "Every parameter can also be set in the environment (RBQ_MAXMEMORY for --maxmemory) and in the file given by \
             --config (maxmemory = \"1gb\"). Flags win over the environment, and that over the file.",
        )
        .arg(config)
        .arg(check)
        .args(parameters)
}

fn shown(default: &str) -> &str {
    if default.is_empty() { "none" } else { default }
}

impl Config {
    /// Reads the command line and what it names.
    pub fn from_args(name: &'static str, args: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let matches = command(name).try_get_matches_from(args).map_err(of_usage)?;
        check_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
        Self::from_matches(&matches, |key| std::env::var_os(key))
    }

    /// The same from matches of [`command`] and an environment.
    pub fn from_matches(matches: &ArgMatches, env: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let mut settings = Settings::default();
        let mut file = matches.get_one::<PathBuf>("config").cloned();
        if let Some(path) = &mut file {
            read_file(path, &mut settings)?;
            // The server goes to its `dir`, and CONFIG REWRITE is to find this one.
            *path = std::path::absolute(&path)?;
        }
        let mut warnings = Vec::new();
        for parameter in PARAMETERS {
            let variable = variable(parameter);
            if let Some(value) = env(&variable) {
                // The value may be a password, and is not said.
                let value =
                    value.into_string().map_err(|_| anyhow!("environment variable {variable}: it is no UTF-8"))?;
                if is_of_kubernetes(&variable, &value, &env) {
                    warnings.push(format!(
                        "{variable}={value} is left aside: Kubernetes sets it for a service named `rbq` (`enableServiceLinks: false` \
                         in the pod's spec ends that)"
                    ));
                    continue;
                }
                set(parameter, &mut settings, &value, || format!("environment variable {variable}"))?;
            }
        }
        for parameter in PARAMETERS {
            if let Some(value) = matches.get_one::<String>(parameter.name) {
                set(parameter, &mut settings, value, || format!("flag --{}", parameter.name))?;
            }
        }
        check_exposure(&settings)?;
        Ok(Self { settings, file, check_only: matches.get_flag("check-config"), warnings })
    }
}

/// A word without a flag is most often the path of a redis.conf, as `redis-server` takes it.
fn of_usage(error: clap::Error) -> anyhow::Error {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word))) if !word.starts_with('-') => anyhow!(
            "unexpected argument `{word}`\nhint: a file of parameters is named by `--config FILE`, and is TOML (`maxmemory = \"1gb\"`): a \
             redis.conf is not read"
        ),
        _ => error.into(),
    }
}

/// Kubernetes sets `RBQ_PORT=tcp://10.0.0.1:6379` in every pod beside a service of that name, with others that are no parameters.
/// Nobody wrote it, so it is nobody's typo; what a pod's spec says of the same variable replaces it.
fn is_of_kubernetes(variable: &str, value: &str, env: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    variable == "RBQ_PORT" && is_link && env("RBQ_SERVICE_HOST").is_some()
}

/// The environment variable of a parameter.
fn variable(parameter: &Parameter) -> String {
    format!("RBQ_{}", parameter.name.replace('-', "_").to_ascii_uppercase())
}

fn set(parameter: &Parameter, settings: &mut Settings, value: &str, place: impl Fn() -> String) -> Result<()> {
    (parameter.set)(settings, value)
        .map_err(|allowed| anyhow!("{}: `{value}` is no value for `{}`: {allowed}", place(), parameter.name))
}

fn read_file(path: &Path, settings: &mut Settings) -> Result<()> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        anyhow!("cannot read {}: {}\nhint: `--config` or RBQ_CONFIG names a TOML file", path.display(), said(&error))
    })?;
    let table = toml::de::DeTable::parse(&text).map_err(|error| match line_of_redis(&text) {
        Some((line, word)) => anyhow!(
            "{}, line {line}: this is no TOML, but looks like a redis.conf, which is not read\nhint: the parameters have Redis's \
             names, written `{word} = \"…\"`; `--help` lists them",
            path.display()
        ),
        None => anyhow!("{}: {error}", path.display()),
    })?;
    for (key, value) in table.get_ref() {
        let place = || format!("{}, line {}", path.display(), line_of(&text, key.span().start));
        let name: &str = key.get_ref();
        let Some(parameter) = Settings::parameter(name) else {
            bail!("{}: there is no parameter `{name}`{}", place(), suggestion(name));
        };
        let value = plain(value.get_ref())
            .ok_or_else(|| anyhow!("{}: `{name}` takes a string, a number or true/false", place()))?;
        set(parameter, settings, &value, place)?;
    }
    Ok(())
}

/// The first line that says something, if it does as in a redis.conf, `port 6379`, and the parameter that it names.
fn line_of_redis(text: &str) -> Option<(usize, &str)> {
    let mut lines = text.lines().zip(1..).map(|(line, number)| (line.trim(), number));
    let (line, number) = lines.find(|(line, _)| !line.is_empty() && !line.starts_with('#'))?;
    let (word, value) = line.split_once(char::is_whitespace)?;
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_word && !value.contains('=')).then_some((number, word))
}

/// A TOML value as a parameter is written.
fn plain(value: &toml::de::DeValue<'_>) -> Option<String> {
    match value {
        toml::de::DeValue::String(text) => Some(text.to_string()),
        toml::de::DeValue::Integer(number) => Some(number.to_string()),
        toml::de::DeValue::Boolean(true) => Some("yes".into()),
        toml::de::DeValue::Boolean(false) => Some("no".into()),
        toml::de::DeValue::Array(words) => {
            let words: Option<Vec<String>> = words.iter().map(|word| plain(word.get_ref())).collect();
            words.map(|words| words.join(" "))
        }
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Refuses a variable that is a parameter's but for a letter or two. Others that begin with `RBQ_` may be anybody's: the
/// tools have some, and Kubernetes makes a dozen for a service of that name.
fn check_variables(names: impl Iterator<Item = String>) -> Result<()> {
    /// In a shorter name two wrong letters are another word.
    const LETTERS_MIN: usize = 6;
    for name in names {
        let Some(rest) = name.strip_prefix("RBQ_").filter(|rest| rest.len() >= LETTERS_MIN && *rest != "CONFIG") else {
            continue;
        };
        let (distance, close) = closest(rest);
        if (1..=2).contains(&distance) {
            bail!("environment variable {name}: there is no such parameter; did you mean `{}`?", variable(close));
        }
    }
    Ok(())
}

/// The parameter that was probably meant.
fn suggestion(name: &str) -> String {
    match closest(name) {
        (0..=3, close) => format!("; did you mean `{}`?", close.name),
        _ => "; see --help for all".into(),
    }
}

/// The parameter with the most similar name, and by how many letters it differs.
fn closest(name: &str) -> (usize, &'static Parameter) {
    let normal = name.replace('_', "-").to_ascii_lowercase();
    let all = PARAMETERS.iter().map(|parameter| (distance(&normal, parameter.name), parameter));
    all.min_by_key(|(distance, parameter)| (*distance, parameter.name)).expect("there are parameters")
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Protected mode: beyond loopback only with a password.
fn check_exposure(settings: &Settings) -> Result<()> {
    let exposed = settings.bind.0.split_ascii_whitespace().find(|word| !crate::listen::is_loopback(word));
    match exposed {
        Some(address) if settings.protected_mode.0 && settings.requirepass.0.is_empty() && settings.port.0 > 0 => {
            bail!(
                "refusing to listen on {address} without a password: anybody who reaches it could read and delete \
                 everything\nhint: set `--requirepass`, or bind to loopback only, or, on a network you trust, `--protected-mode no`"
            )
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn config(args: &[&str], env: &[(&str, &str)]) -> Result<Config> {
        let matches = command("rbq-server").try_get_matches_from([&["rbq-server"], args].concat())?;
        let env = |key: &str| env.iter().find(|(name, _)| *name == key).map(|(_, value)| OsString::from(value));
        Config::from_matches(&matches, env)
    }

    fn error(args: &[&str], env: &[(&str, &str)]) -> String {
        config(args, env).expect_err("it is wrong").to_string()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it can be written");
        file
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let file = file("port = 1\nmaxclients = 1\ntimeout = 1\n");
        let path = file.path().to_str().expect("a plain path");
        let env = [("RBQ_PORT", "2"), ("RBQ_MAXCLIENTS", "2")];
        let config = config(&["--config", path, "--port", "3"], &env).expect("all is well");
        let Settings { port, maxclients, timeout, .. } = config.settings;
        assert_eq!((port.0, maxclients.0, timeout.0), (3, 2, 1));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert_eq!(
            error(&["--port", "99999"], &[]),
            "flag --port: `99999` is no value for `port`: argument must be between 0 and 65535 inclusive"
        );
        assert_eq!(
            error(&[], &[("RBQ_MAXMEMORY", "lots")]),
            "environment variable RBQ_MAXMEMORY: `lots` is no value for `maxmemory`: argument must be a memory value"
        );
        let file = file("# a comment\nmax_clients = 5\n");
        let path = file.path().to_str().expect("a plain path");
        let text = error(&["--config", path], &[]);
        assert_eq!(text, format!("{path}, line 2: there is no parameter `max_clients`; did you mean `maxclients`?"));
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused_by_its_name() {
        let matches = command("rbq-server").try_get_matches_from(["rbq-server"]).expect("there is nothing to refuse");
        for (name, value) in [("RBQ_REQUIREPASS", b"p\xe4ss".as_slice()), ("RBQ_MAXMEMORY", b"1gb\xa0")] {
            let env = |key: &str| (key == name).then(|| OsString::from_vec(value.to_vec()));
            let refused =
                Config::from_matches(&matches, env).expect_err("the server would be another one than was meant");
            assert_eq!(refused.to_string(), format!("environment variable {name}: it is no UTF-8"));
        }
    }

    #[test]
    fn a_variable_that_is_nearly_a_parameters_is_refused_and_other_peoples_are_not() {
        let check = |name: &str| check_variables([name.to_owned()].into_iter()).map_err(|error| error.to_string());
        let text = "environment variable RBQ_MAXMEMROY: there is no such parameter; did you mean `RBQ_MAXMEMORY`?";
        assert_eq!(check("RBQ_MAXMEMROY"), Err(text.to_owned()));
        let fine = ["RBQ_MAXMEMORY", "RBQ_CONFIG", "RBQ_URL", "RBQ_PORT_6379_TCP", "RBQ_SERVICE_PORT", "MAXMEMROY"];
        assert!(fine.into_iter().all(|name| check(name).is_ok()));
    }

    #[test]
    fn the_port_that_kubernetes_sets_for_a_service_is_left_aside_and_told() {
        let link = ("RBQ_PORT", "tcp://10.0.0.1:6379");
        let linked = config(&[], &[link, ("RBQ_SERVICE_HOST", "10.0.0.1")]).expect("nobody wrote that");
        assert_eq!(linked.settings.port.0, 6379);
        assert!(linked.warnings[0].starts_with("RBQ_PORT=tcp://10.0.0.1:6379 is left aside"), "{:?}", linked.warnings);
        assert!(error(&[], &[link]).starts_with("environment variable RBQ_PORT: "));
    }

    #[test]
    fn a_redis_conf_is_told_from_toml_that_is_wrong() {
        let of = |text: &str| {
            let file = file(text);
            error(&["--config", file.path().to_str().expect("a plain path")], &[])
        };
        let said = of("# Redis\n\nmaxmemory 1gb\nsave 60 1\n");
        assert!(said.contains(", line 3: this is no TOML, but looks like a redis.conf"), "{said}");
        assert!(said.contains("hint: the parameters have Redis's names, written `maxmemory = "), "{said}");
        assert!(of("maxmemory = \n").contains("TOML parse error"));
    }

    #[test]
    fn the_data_directory_is_a_name_and_no_path() {
        for path in ["../x", "a/b", "/x", ".", "..", ""] {
            let said = error(&["--appenddirname", path], &[]);
            assert!(said.ends_with("argument must be a name and no path: the directory is in `dir`"), "{said}");
        }
        assert!(config(&["--appenddirname", "x"], &[]).is_ok());
    }

    #[test]
    fn beyond_loopback_a_password_is_needed() {
        assert!(error(&["--bind", "0.0.0.0"], &[]).starts_with("refusing to listen on 0.0.0.0 without a password"));
        assert!(config(&["--bind", "0.0.0.0", "--requirepass", "s3cret"], &[]).is_ok());
        assert!(config(&["--bind", "0.0.0.0", "--protected-mode", "no"], &[]).is_ok());
        assert!(config(&["--bind", "127.0.0.1 ::1 localhost"], &[]).is_ok());
    }
}
