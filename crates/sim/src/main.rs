//! A virtual card behind pcscd's vpcd driver, and a way to play with it.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use crescendo_sim::{Latency, Personality, Profile, SimCard, control, vpcd};

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

#[derive(clap::Args)]
struct CardArguments {
    /// Where pcscd with the vpcd driver runs.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The TCP port of the reader.
    #[arg(long, default_value_t = 35963)]
    port: u16,
    /// key-v3 or piv.
    #[arg(long, default_value = "key-v3")]
    profile: Profile,
    /// How many retired keys there are.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=20))]
    retired: u8,
    /// The card UUID, 32 hexadecimal digits.
    #[arg(long, value_parser = guid)]
    guid: Option<[u8; 16]>,
    /// The PIN, 6 to 8 digits.
    #[arg(long, value_parser = digits)]
    pin: Option<String>,
    /// The PUK, 8 digits; `none` for a card without.
    #[arg(long)]
    puk: Option<String>,
    /// As delivered: no keys, no objects, the factory PIN.
    #[arg(long)]
    blank: bool,
    /// Takes extended APDUs.
    #[arg(long)]
    extended: bool,
    /// How long APDUs take: none, contact or usb.
    #[arg(long, default_value = "none")]
    latency: Latency,
    /// Private operations take as long as on a chip.
    #[arg(long)]
    key_time: bool,
    /// Writes every APDU there.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Takes commands on this socket.
    #[arg(long)]
    control: Option<PathBuf>,
    /// The card is not in the reader at first.
    #[arg(long)]
    absent: bool,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Vpcd(arguments) => run(&arguments),
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
    if arguments.absent {
        card.pull();
    }
    if let Some(path) = &arguments.control {
        control::listen(card.clone(), path)?;
    }
    vpcd::serve(&card, &arguments.host, arguments.port)
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

impl CardArguments {
    fn personality(&self) -> Personality {
        let base = match (self.profile, self.blank) {
            (Profile::KeyV3, true) => Personality::blank_key_v3(),
            (Profile::KeyV3, false) => Personality::key_v3(),
            (Profile::Piv, blank) => Personality { blank, ..Personality::piv() },
        };
        let puk = match self.puk.as_deref() {
            None => base.puk.clone(),
            Some("none") => None,
            Some(puk) => Some(puk.into()),
        };
        Personality {
            retired: self.retired,
            guid: self.guid.unwrap_or(base.guid),
            pin: self.pin.clone().unwrap_or_else(|| base.pin.clone()),
            puk,
            extended: self.extended,
            ..base
        }
    }
}

fn guid(text: &str) -> Result<[u8; 16], String> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    number.map(u128::to_be_bytes).ok_or_else(|| "32 hexadecimal digits".into())
}

fn digits(text: &str) -> Result<String, String> {
    let fits = (6..=8).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    if fits { Ok(text.into()) } else { Err("6 to 8 digits".into()) }
}
