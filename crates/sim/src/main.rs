//! A virtual card behind pcscd's vpcd driver, and a way to play with it.

#![forbid(unsafe_code)]

mod arguments;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use arguments::CardArguments;
use clap::{Parser, Subcommand};
use crescendo_sim::{SimCard, control, fixture, vpcd};

/// A virtual Crescendo smart card, for tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts a card into a reader of vpcd.
    Vpcd(Box<CardArguments>),
    /// Prints the root certificate that the content signers of virtual cards lead to, PEM.
    Anchor,
    /// Sends one command to the control socket of a card.
    #[command(after_help = control::COMMANDS)]
    Ctl {
        /// The socket.
        socket: PathBuf,
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Vpcd(arguments) => run(&arguments),
        Command::Anchor => {
            print!("{}", fixture::vci_anchor());
            return ExitCode::SUCCESS;
        }
        Command::Ctl { socket, words } => return ctl(&socket, &words.join(" ")),
    };
    fail(&result.map_or_else(|error| error.to_string(), |never| match never {}))
}

fn run(arguments: &CardArguments) -> io::Result<std::convert::Infallible> {
    let card = SimCard::new(arguments.personality());
    if let Some(path) = &arguments.log {
        card.log_to(Box::new(File::create(path)?));
    }
    card.set_latency(arguments.latency);
    card.set_key_time(arguments.key_time);
    card.set_interface(arguments.interface());
    if arguments.absent {
        card.pull();
    }
    if let Some(path) = &arguments.control {
        control::listen(card.clone(), path)?;
    }
    vpcd::serve(&card, &arguments.host, |interface| arguments.reader(interface))
}

fn ctl(socket: &std::path::Path, line: &str) -> ExitCode {
    match control::ask(socket, line) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::from(u8::from(!answer.starts_with("ok")))
        }
        Err(error) => fail(&format!("{}: {error}", socket.display())),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("crescendo-sim: {why}");
    ExitCode::FAILURE
}
