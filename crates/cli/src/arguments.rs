//! What can be asked for on the command line.

use std::{convert::Infallible, env, fmt, path::PathBuf, process::ExitCode, str::FromStr};

use clap::{Args, Parser, Subcommand, ValueEnum};
use device::KeyReference;
use zeroize::Zeroizing;

use crate::{
    audit::Audit,
    cert,
    completions::{Completions, Man},
    doctor::{Examine, TryModule},
    failure,
    firmware::Firmware,
    otp::Otp,
    output::Output,
    personalize::Personalize,
    pin::arguments::{HelpDesk, Pin, Puk},
    recycle::Recycle,
    report::Report,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed: the device, a file, anything not listed here; or `doctor` found that something does not work
  2  usage: the command line was not understood, or what was entered is no PIN, PUK, key or pairing code, or no new PIN
     that the device or this machine wants; or something would be lost, and nobody was there to be asked (--yes)
  3  not there: no reader, no card, no key, no such device, no certificate or key in that place, no pairing code
  4  ambiguous: several devices fit, and --device has to say which one is meant
  5  no answer from the reader service (pcscd)
  6  the firmware image was refused: it is not whole, not signed by who is trusted, or not for this key
  7  a firmware update was stopped or did not come to its end; the message says how that leaves the key
  8  the audit has found a device with the key of delivery";

/// Look at Crescendo smart cards and security keys, and at PIV cards of any make.
///
/// Without a command, lists the devices. What takes a PIN asks for it; nothing else spends one of its tries.
#[derive(Debug, Parser)]
#[command(name = "crescendo", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Write one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List readers, the devices in them, and security keys (the default)
    Devices(Listing),
    /// Show what a device tells of itself
    Info(Which),
    /// List, export, make, import and delete certificates and keys
    #[command(subcommand)]
    Cert(Cert),
    /// List or clear what is kept of devices between uses; forget PINs
    #[command(subcommand)]
    Cache(Cache),
    /// Make a card work on contactless readers: its pairing code, and who vouches for it
    #[command(subcommand)]
    Pairing(Pairing),
    /// Look at, verify, change and unblock the PIN of a device
    #[command(subcommand)]
    Pin(Pin),
    /// Show or hide the PUK that is kept on a device
    #[command(subcommand)]
    Puk(Puk),
    /// Answer the challenges of devices that are to be unblocked
    #[command(subcommand)]
    Helpdesk(HelpDesk),
    /// Get one-time passwords from a key, and give it new secrets for them
    #[command(subcommand)]
    Otp(Otp),
    /// Take a device back to how it was delivered: its keys and certificates are lost
    Recycle(Box<Recycle>),
    /// Set up a device in factory state: PIN, PUK, and an administration key that not everybody knows
    ///
    /// The PIN of delivery is tried once; where the device has another PIN by now, --pin-env or --pin-fd gives it. If this was
    /// interrupted, the same command finishes it.
    Personalize(Box<Personalize>),
    /// Look for devices that have the administration key of delivery, by trying it once
    Audit(Audit),
    /// Check, sign and install firmware of security keys
    #[command(subcommand)]
    Firmware(Firmware),
    /// Find out what is wrong with this machine, its readers, cards and keys, and what to do about it
    ///
    /// Changes nothing, asks for no PIN and spends no try of it; a firmware update that another run left unconfirmed is
    /// finished. The exit code is 1 if something does not work, 0 for warnings alone.
    Doctor(Examine),
    /// Load a module in this process, for `doctor`
    #[command(hide = true)]
    TryModule(TryModule),
    /// Write a page for whoever is asked for help: versions, readers, cards, what is kept; no secret, and nobody's name
    Report(Report),
    /// Write what a shell completes, to standard output
    Completions(Completions),
    /// Write the pages for man(1) into a folder
    Man(Man),
}

#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Listing {
    /// Stay, and show them as they come, go and change; single keys do something with the one that is selected
    ///
    /// Nothing is asked of a device but when it appears, after something was done with it here, and on the key r.
    #[arg(long)]
    pub(crate) watch: bool,
    /// The same in lines, one for each device that changed, for screen readers
    #[arg(long)]
    pub(crate) plain: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// List the certificates of a device, by key
    List(Which),
    /// Write one certificate to a file or to standard output
    Export(Export),
    /// Make a key on the card and a request for its certificate (PKCS #10)
    Request(Box<cert::Request>),
    /// Make a key on the card, and a certificate for it that it signs itself
    SelfSign(Box<cert::SelfSign>),
    /// Put a certificate onto the card, or a private key with its certificate
    Import(Box<cert::Import>),
    /// Take a certificate off the card, or a key with its certificate
    Delete(Box<cert::Delete>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cache {
    /// List the cards of which public content is kept: certificates and the like, never a PIN
    List,
    /// Drop what is kept of a device; running programs notice, and read it again
    Clear(Clear),
    /// Log out on the device, whichever program logged in
    ForgetPins(Which),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pairing {
    /// Ask a card in a contact reader for its pairing code, with the PIN; from then on it is believed without contacts
    Retrieve(Retrieve),
    /// Enter the pairing code of a card; kept until you log out of this machine
    Set(Set),
    /// Forget the pairing code of a card
    Forget(Forget),
    /// Show what is known of a card, and what to do next; sends neither PIN nor code
    Status(Which),
}

#[derive(Args, Debug)]
pub(crate) struct Retrieve {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Copy it to the clipboard, for 30 seconds or until Ctrl-C, and do not show it
    #[arg(long)]
    pub(crate) copy: bool,
    /// Keep it until you log out of this machine, and do not show it
    #[arg(long)]
    pub(crate) cache: bool,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

/// Where a PIN comes from that no person is asked for.
#[derive(Args, Debug)]
pub(crate) struct PinSource {
    /// Take the PIN from this environment variable, in place of asking for it
    #[arg(long, value_name = "VAR", conflicts_with = "pin_fd")]
    pub(crate) pin_env: Option<String>,
    /// Read the PIN from this file descriptor, one line
    #[arg(long, value_name = "N")]
    pub(crate) pin_fd: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The code, eight digits, which others may see while this runs; `-` reads it from standard input; without it, it is
    /// asked for
    #[arg(value_name = "CODE|-")]
    pub(crate) code: Option<Secret>,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Args, Debug)]
pub(crate) struct Forget {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Forget who has signed the card, too: it has to be in a contact reader once more
    #[arg(long)]
    pub(crate) signer: bool,
}

/// What is not for everybody to see: cannot be printed, and is wiped.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("...")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Clear {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Drop everything, of devices that are not here too
    #[arg(long, conflicts_with = "device")]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The device: its ID, name, label or reader, whole or in part; not needed where there is only one
    #[arg(long, short, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The key: 9A, 9C, 9D, 9E, or a retired one from 82 to 95
    #[arg(long, short, value_parser = key)]
    pub(crate) key: KeyReference,
    /// As text or in binary form
    #[arg(long, short, value_enum, default_value = "pem")]
    pub(crate) format: Format,
    /// The file to write; it must not exist yet
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Pem,
    Der,
}

/// Tells what was wrong with the command line; help and version, when asked for, come this way too.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    let json = env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        return failure::usage(&Output { json, lines: false }, error);
    }
    // Nobody is left to tell when even this cannot be written.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS }
}

pub(crate) fn key(text: &str) -> Result<KeyReference, String> {
    let number = if text.len() == 2 { u8::from_str_radix(text, 16).ok() } else { None };
    number
        .and_then(KeyReference::from_number)
        .ok_or_else(|| "a key is 9A, 9C, 9D, 9E, or a retired one from 82 to 95".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn devices_are_the_default() {
        assert!(parse("crescendo").unwrap().command.is_none());
        let arguments = parse("crescendo --json").unwrap();
        assert!(arguments.json && arguments.command.is_none());
        assert!(parse("crescendo devices --json").unwrap().json);
    }

    #[test]
    fn json_goes_anywhere() {
        for line in ["crescendo --json cert list", "crescendo cert --json list", "crescendo cert list --json"]
        {
            assert!(parse(line).unwrap().json, "{line}");
        }
    }

    #[test]
    fn keys_by_number() {
        let export = |key: &str| -> Result<Export, clap::Error> {
            match parse(&format!("crescendo cert export --key {key}"))?.command {
                Some(Command::Cert(Cert::Export(export))) => Ok(export),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(export("9a").unwrap().key, KeyReference::PIV_AUTHENTICATION);
        assert_eq!(export("9A").unwrap().format, Format::Pem);
        assert_eq!(export("95").unwrap().key.retired_number(), Some(20));
        for wrong in ["9B", "81", "96", "+9", "9AA", "x"] {
            assert!(export(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_device_is_cleared_or_all_are() {
        for line in ["cache clear", "cache clear --all", "cache clear -d X", "cache forget-pins -d X"] {
            assert!(parse(&format!("crescendo {line}")).is_ok(), "{line}");
        }
        for line in ["cache", "cache clear --all -d X", "cache forget-pins --all", "cache list -d X"] {
            assert!(parse(&format!("crescendo {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn a_pin_is_never_on_the_command_line_and_a_code_is_never_printed() {
        for line in
            ["retrieve", "retrieve --copy --cache", "retrieve --pin-fd 3", "set", "set -", "forget --signer"]
        {
            assert!(parse(&format!("crescendo pairing {line}")).is_ok(), "{line}");
        }
        for line in [
            "",
            "retrieve 123456",
            "retrieve --pin 123456",
            "retrieve --pin-fd 3 --pin-env P",
            "retrieve --pin-fd -1",
        ] {
            assert!(parse(&format!("crescendo pairing {line}")).is_err(), "{line}");
        }
        let printed = format!("{:?}", parse("crescendo pairing set 27182818").unwrap());
        assert!(!printed.contains("2718"), "{printed}");
    }

    #[test]
    fn export_needs_a_key_and_force_a_file() {
        assert!(parse("crescendo cert export").is_err());
        assert!(parse("crescendo cert export --key 9A --force").is_err());
        assert!(parse("crescendo cert export --key 9A --force --output x").is_ok());
    }
}
