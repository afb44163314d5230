//! The command `crescendo`: what a person does with a Crescendo, or with any PIV device, at the command line.
//!
//! With `--json` exactly one JSON object is written to standard output, whatever happens; JSON.md says what is in it.

#![forbid(unsafe_code)]

mod arguments;
mod audit;
mod authority;
mod cache;
mod cert;
mod completions;
mod confirm;
mod devices;
mod doctor;
mod failure;
mod firmware;
mod helpdesk;
mod info;
mod otp;
mod output;
mod pairing;
mod personalize;
mod pin;
mod puk;
mod recycle;
mod report;
mod secret;
mod watch;

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
    let command = arguments.command.unwrap_or(Command::Devices(arguments::Listing::default()));
    let output = Output { json: arguments.json, lines: writes_lines(&command) };
    begin_log(&output);
    let result = run(&output, command);
    result.map_or_else(|failure| failure.report(&output), |()| ExitCode::SUCCESS)
}

/// Whether it writes more than one object with --json.
fn writes_lines(command: &Command) -> bool {
    matches!(command, Command::Devices(how) if how.watch || how.plain)
        || firmware::writes_lines(command)
        || pin::writes_lines(command)
}

fn run(output: &Output, command: Command) -> Result<(), Failure> {
    let environment = environment();
    let cache = Cache::new(environment.store.clone());
    let devices = Devices::new(host::readers(), environment).with_keys(host::hid_devices());
    match command {
        Command::Devices(how) if how.watch || how.plain => {
            let (readers, keys) = (host::readers(), host::hid_devices());
            watch::run(output, watch::Machine { readers, keys, devices }, how.plain)
        }
        Command::Devices(_) => devices::list(output, &devices),
        Command::Info(which) => info::show(output, &devices, &which),
        Command::Cert(command) => cert::run(output, &devices, command),
        Command::Cache(command) => cache::run(output, &devices, &cache, command),
        Command::Pairing(command) => pairing::run(output, &devices, command),
        Command::Pin(command) => pin::run(output, &devices, command),
        Command::Puk(command) => puk::run(output, &devices, command),
        Command::Helpdesk(command) => helpdesk::run(output, command),
        Command::Otp(command) => otp::run(output, &devices, command),
        Command::Recycle(asked) => recycle::run(output, &devices, &asked),
        Command::Personalize(asked) => personalize::run(output, &devices, &asked),
        Command::Audit(asked) => audit::run(output, &devices, &asked),
        Command::Report(asked) => report::run(output, &devices, &cache, &asked),
        Command::Completions(asked) => completions::completions(output, &asked),
        Command::Man(asked) => completions::man(output, &asked),
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
