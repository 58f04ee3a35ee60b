//! The agent's own log, on standard error: for people by default, as JSON for machines. Its messages
//! are constant, and what varies is in fields.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub level: Level,
    pub format: Format,
}

/// Starts logging. The variable `LOGSIEVE_LOG` (as in `logsieve=debug,hyper=info`) beats the level.
pub fn start(config: Config) {
    let level = match config.level {
        Level::Error => "error",
        // A stream of the API server's that ends is no news: the watch goes on, and says when it cannot.
        Level::Warn => "warn,kube_client=error",
        Level::Info => "info,kube_client=error",
        Level::Debug => "logsieve=debug,info",
    };
    let filter = EnvFilter::try_from_env("LOGSIEVE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        // It would tell them by `eprintln!`, which panics where nobody reads standard error any more.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second start (in tests) keeps the first one's settings.
    let _ = match config.format {
        Format::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}
