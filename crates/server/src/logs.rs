//! What the server tells its operator: lines for people, or one JSON object a line for machines, on stderr.

use rbq_broker::Settings;
use rbq_broker::settings::{LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

/// Starts logging as the settings say. A second call changes nothing (embedded use).
pub(crate) fn start(settings: &Settings) {
    let level = match settings.loglevel {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match settings.log_format {
        LogFormat::Text => {
            use std::io::IsTerminal;
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colour).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let _ = registry().with(layer.with_filter(level)).try_init();
}
