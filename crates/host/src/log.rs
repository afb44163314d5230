//! The log of a library, for whoever looks for a fault. It never has a PIN, a key or content in it: nothing that could print
//! those is there.

use std::io;

use tracing_subscriber::filter::LevelFilter;

use crate::environment::variable;

/// Begins a log on standard error, if the user asks for one: `CRESCENDO_LOG` is `error`, `warn`, `info`, `debug` or `trace`. A
/// program that has a log of its own for this library keeps it.
pub fn begin_log() {
    let Some(level) = variable("CRESCENDO_LOG") else { return };
    let level = level.to_str().and_then(|level| level.parse().ok());
    let log = tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(LevelFilter::DEBUG))
        .with_ansi(false)
        .with_writer(io::stderr)
        .finish();
    let _ = tracing::subscriber::set_global_default(log);
}
