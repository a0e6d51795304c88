//! What the server tells its operator: lines for people, or one JSON object a line for machines, on stderr.

use std::sync::OnceLock;

use rbq_broker::Settings;
use rbq_broker::settings::{LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, registry, reload};

/// What CONFIG SET loglevel changes.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging as the settings say. A second call changes nothing (embedded use).
pub(crate) fn start(settings: &Settings) {
    let (level, handle) = reload::Layer::new(filter(settings.loglevel));
    // A line that cannot be written is nobody's to read: to complain of it on the same stderr would end in a panic.
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
    let layer = match settings.log_format {
        LogFormat::Text => {
            use std::io::IsTerminal;
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colour).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    if registry().with(layer.with_filter(level)).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Logs from now on what this level asks for.
pub(crate) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.reload(filter(level));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
    }
}
