//! The command `crescendo`: what a person does with a Crescendo, or with any PIV device, at the command line.
//!
//! With `--json` exactly one JSON object is written to standard output, whatever happens; JSON.md says what is in it.

#![forbid(unsafe_code)]

mod arguments;
mod cache;
mod cert;
mod devices;
mod failure;
mod info;
mod output;

use std::process::ExitCode;

use clap::Parser;
use device::{Cache, Devices, Environment};

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
    let output = Output { json: arguments.json };
    let result = run(&output, arguments.command.unwrap_or(Command::Devices));
    result.map_or_else(|failure| failure.report(&output), |()| ExitCode::SUCCESS)
}

fn run(output: &Output, command: Command) -> Result<(), Failure> {
    let store = host::store();
    let devices = Devices::new(host::readers(), Environment::new(store.clone(), host::clock()));
    match command {
        Command::Devices => devices::list(output, &devices),
        Command::Info(which) => info::show(output, &devices, &which),
        Command::Cert(command) => cert::run(output, &devices, command),
        Command::Cache(command) => cache::run(output, &devices, &Cache::new(store), command),
    }
}
