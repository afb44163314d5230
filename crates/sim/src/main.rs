//! A virtual card behind pcscd's vpcd driver, a whole virtual key at the kernel's vhci-hcd, and a way to play with them.

#![forbid(unsafe_code)]

mod arguments;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use arguments::{VhciArguments, VpcdArguments};
use clap::{Parser, Subcommand};
use crescendo_sim::usb::{self, UsbKey, vhci};
use crescendo_sim::{control, fixture, key, vpcd};

/// A virtual Crescendo smart card or key, for tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts a card into a reader of vpcd.
    Vpcd(Box<VpcdArguments>),
    /// Plugs a whole key into the kernel's virtual host controller (vhci-hcd). Needs root.
    Vhci(Box<VhciArguments>),
    /// Prints the key that signs firmware for virtual keys, PEM: the private half, which everyone knows.
    FirmwareKey {
        /// The public half, as a trust list has it.
        #[arg(long)]
        public: bool,
    },
    /// Prints the root certificate that the content signers of virtual cards lead to, PEM.
    Anchor,
    /// Sends one command to the control socket of a card.
    #[command(after_help = format!("{}\n\n{}", control::COMMANDS, usb::COMMANDS))]
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
        Command::Vpcd(arguments) => card(&arguments),
        Command::Vhci(arguments) => whole_key(&arguments),
        Command::FirmwareKey { public } => {
            let vendor = key::TestKey::VENDOR;
            print!("{}", if public { vendor.public_pem() } else { vendor.private_pem() });
            return ExitCode::SUCCESS;
        }
        Command::Anchor => {
            print!("{}", fixture::vci_anchor());
            return ExitCode::SUCCESS;
        }
        Command::Ctl { socket, words } => return ctl(&socket, &words.join(" ")),
    };
    fail(&result.map_or_else(|error| error.to_string(), |never| match never {}))
}

fn card(arguments: &VpcdArguments) -> io::Result<std::convert::Infallible> {
    let card = arguments.card.card()?;
    if let Some(path) = &arguments.card.control {
        let controlled = card.clone();
        control::listen(path, move |line| control::command(&controlled, line))?;
    }
    vpcd::serve(&card, &arguments.host, |interface| arguments.reader(interface))
}

fn whole_key(arguments: &VhciArguments) -> io::Result<std::convert::Infallible> {
    let key = UsbKey::new(arguments.profile(), &arguments.card.card()?);
    key.key().set_button(arguments.button);
    if let Some(path) = &arguments.card.control {
        let controlled = key.clone();
        control::listen(path, move |line| controlled.command(line))?;
    }
    let mut port = vhci::Port::new(arguments.port);
    key.run(|| port.attach())
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
