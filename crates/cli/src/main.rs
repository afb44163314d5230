//! The command `crescendo`: what a person does with a Crescendo, or with any PIV device, at the command line.
//!
//! With `--json` exactly one JSON object is written to standard output, whatever happens; JSON.md says what is in it.

#![forbid(unsafe_code)]

mod arguments;
mod cache;
mod cert;
mod devices;
mod doctor;
mod failure;
mod firmware;
mod info;
mod output;
mod pairing;
mod secret;

use std::{env, io, process::ExitCode, sync::Arc};

use clap::Parser;
use device::{Cache, Devices, Environment, MessagingPolicy};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    arguments::{Arguments, Command},
    failure::Failure,
    output::Output,
};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::refuse(&error),
    };
    let command = arguments.command.unwrap_or(Command::Devices);
    let output = Output { json: arguments.json, lines: firmware::writes_lines(&command) };
    begin_log(&output);
    let result = run(&output, command);
    result.map_or_else(|failure| failure.report(&output), |()| ExitCode::SUCCESS)
}

fn run(output: &Output, command: Command) -> Result<(), Failure> {
    let environment = environment();
    let cache = Cache::new(environment.store.clone());
    let devices = Devices::new(host::readers(), environment);
    match command {
        Command::Devices => devices::list(output, &devices),
        Command::Info(which) => info::show(output, &devices, &which),
        Command::Cert(command) => cert::run(output, &devices, command),
        Command::Cache(command) => cache::run(output, &devices, &cache, command),
        Command::Pairing(command) => pairing::run(output, &devices, command),
        Command::Firmware(command) => firmware::run(output, &devices, command),
        Command::Doctor(examine) => doctor::run(output, &devices, &cache, examine),
        Command::TryModule(module) => doctor::try_module(output, &module),
    }
}

/// This machine, and what its owner has decided.
fn environment() -> Environment {
    let host::Messaging { anchors, first_use, contactless_is_contact, always } = host::messaging();
    let policy = MessagingPolicy::with_anchors(&anchors);
    Environment {
        store: host::store(),
        signers: host::signers(),
        codes: host::codes(),
        clock: host::clock(),
        messaging: Arc::new(MessagingPolicy { first_use, contactless_is_contact, always, ..policy }),
    }
}

/// Warnings for people, on standard error; and what `CRESCENDO_LOG` asks for.
fn begin_log(output: &Output) {
    let usual = if output.json { LevelFilter::OFF } else { LevelFilter::WARN };
    let wanted = env::var("CRESCENDO_LOG").ok().filter(|level| !level.is_empty());
    let level = wanted.map_or(usual, |level| level.parse().unwrap_or(LevelFilter::DEBUG));
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_writer(io::stderr)
        .init();
}
