//! `crescendo otp`: one-time passwords of a key: its slots, codes, and new secrets. The press of the button is asked for, and
//! the key asked again until it comes.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use clap::{Args, Subcommand, ValueEnum};
use device::{
    BUTTON_POLL, BUTTON_TIME, BadSeed, Devices, OtpHash, OtpKind, OtpRequest, OtpSlot, Seed, lost_with_otp,
    otp_time,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    arguments::{PinSource, Which},
    confirm::confirm,
    failure::Failure,
    output::{Output, Owner, plain, table},
    pin::entered,
    secret,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Otp {
    /// List the slots of a key, and what they are configured for; no secret is ever told
    List(Which),
    /// Get a code; the key may want its PIN, and a press of its button
    Code(Code),
    /// Put a new secret into a slot, in place of the one it has
    Configure(Box<Configure>),
    /// Take the secret out of a slot
    Delete(Delete),
}

#[derive(Args, Debug)]
pub(crate) struct Code {
    #[command(flatten)]
    which: Which,
    /// The slot: 1, 2 or 3
    #[arg(long, short, default_value = "1", value_parser = clap::value_parser!(u8).range(1..=3))]
    slot: u8,
    /// How codes come about in it; without it, what the slot says
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    #[command(flatten)]
    pin: PinSource,
    /// Ask a key, too, of which nobody has published that it takes the command
    #[arg(long)]
    unconfirmed: bool,
}

/// The secret is asked for, or read; never is it on the command line.
#[derive(Args, Debug)]
pub(crate) struct Configure {
    #[command(flatten)]
    which: Which,
    /// The slot: 1 (counter only), 2 or 3
    #[arg(long, short, value_parser = clap::value_parser!(u8).range(1..=3))]
    slot: u8,
    /// Take the secret, base32 or a whole otpauth URI, from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with = "secret_fd")]
    secret_env: Option<String>,
    /// Read the secret from this file descriptor, one line
    #[arg(long, value_name = "N")]
    secret_fd: Option<u32>,
    /// Codes by a counter, or by the time
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// How many digits a code has: 6, 8 or 10
    #[arg(long)]
    digits: Option<u8>,
    /// The hash
    #[arg(long, value_enum)]
    hash: Option<Hash>,
    /// How long a code by the time is good, in seconds
    #[arg(long)]
    period: Option<u8>,
    /// Where the counter starts
    #[arg(long)]
    counter: Option<u64>,
    /// What the slot is called
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    pin: PinSource,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
    /// Write, too, what nobody has published: other values than a counter, SHA-1 and six digits; and to keys of the 4000
    /// family at all
    #[arg(long)]
    unconfirmed: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    /// The slot: 1, 2 or 3
    #[arg(long, short, value_parser = clap::value_parser!(u8).range(1..=3))]
    slot: u8,
    #[command(flatten)]
    pin: PinSource,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
    /// Write, too, to keys of which nobody has published that they take it
    #[arg(long)]
    unconfirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Hotp,
    Totp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Serialize)]
struct List {
    device: Owner,
    otp: Slots,
}

#[derive(Serialize)]
struct Slots {
    /// Somebody is logged in where it is not.
    asked: bool,
    slots: Vec<Slot>,
}

#[derive(Serialize)]
struct Slot {
    slot: u8,
    version: Option<String>,
    digits: Option<u8>,
    kind: Option<&'static str>,
    period: Option<u8>,
}

#[derive(Serialize)]
struct Told {
    device: Owner,
    slot: u8,
    kind: &'static str,
    code: Zeroizing<String>,
}

#[derive(Serialize)]
struct Done {
    device: Owner,
    slot: u8,
    secret: &'static str,
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Otp) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        Otp::List(which) => list(output, devices, &which),
        Otp::Code(asked) => code(output, devices, &asked),
        Otp::Configure(asked) => configure(output, devices, &asked),
        Otp::Delete(asked) => delete(output, devices, &asked),
    }
}

fn list(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let mut device = devices.select(which.device.as_deref())?;
    let slots = device.otp_slots()?;
    let asked = slots.is_some();
    let slots = slots.unwrap_or_default().into_iter().map(item).collect();
    let list = List { device: Owner::of(&device), otp: Slots { asked, slots } };
    output.show(&list, || list_text(&list.otp))
}

fn code(output: &Output, devices: &Devices, asked: &Code) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let kind = match asked.kind {
        Some(kind) => kind.into(),
        None => device.otp_kind(asked.slot)?,
    };
    let pin = match kind {
        OtpKind::Hotp => None,
        OtpKind::Totp => Some(entered(&asked.pin, &mut device, "PIN")?),
    };
    let request = match &pin {
        None => OtpRequest::Hotp,
        Some(pin) => OtpRequest::Totp(otp_time(SystemTime::now()).map_err(seed)?, pin),
    };
    let code = device.otp_code(asked.slot, &request, asked.unconfirmed, button(output))?;
    let told = Told { device: Owner::of(&device), slot: asked.slot, kind: name(kind), code };
    output.show(&told, || format!("{}\n", *told.code))
}

/// The person is told once; the key is asked again until the time is up.
fn button(output: &Output) -> impl FnMut() -> bool {
    let (mut waited, is_quiet) = (Duration::ZERO, output.json);
    move || {
        if waited.is_zero() && !is_quiet {
            eprintln!("Press the button of the key: it blinks. There are {} seconds.", BUTTON_TIME.as_secs());
        }
        thread::sleep(BUTTON_POLL);
        waited += BUTTON_POLL;
        waited < BUTTON_TIME
    }
}

fn configure(output: &Output, devices: &Devices, asked: &Configure) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let name = plain(device.name());
    let text = secret::text(
        asked.secret_env.as_deref(),
        asked.secret_fd,
        &format!("Secret for slot {} of {name} (base32, or an otpauth URI): ", asked.slot),
    )?;
    let mut seed = Seed::parse(&text).map_err(self::seed)?;
    drop(text);
    change(&mut seed, asked);
    let seed = seed.for_slot(asked.slot).map_err(self::seed)?;
    confirm(asked.yes, &[lost_with_otp(&device.name(), asked.slot, true)])?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    device.configure_otp(asked.slot, &pin, &seed, asked.unconfirmed)?;
    let done = Done { device: Owner::of(&device), slot: asked.slot, secret: "written" };
    output.show(&done, || format!("Slot {} has its new secret.\n", asked.slot))
}

/// What was said on the command line counts before what the URI says.
fn change(seed: &mut Seed, asked: &Configure) {
    let configuration = &mut seed.configuration;
    if let Some(kind) = asked.kind {
        configuration.kind = kind.into();
    }
    if let Some(hash) = asked.hash {
        configuration.hash = hash.into();
    }
    configuration.digits = asked.digits.unwrap_or(configuration.digits);
    configuration.period = asked.period.unwrap_or(configuration.period);
    configuration.counter = asked.counter.unwrap_or(configuration.counter);
    if let Some(name) = &asked.name {
        configuration.name.clone_from(name);
    }
}

fn seed(BadSeed(why): BadSeed) -> Failure {
    Failure::Seed(why)
}

fn delete(output: &Output, devices: &Devices, asked: &Delete) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    confirm(asked.yes, &[lost_with_otp(&device.name(), asked.slot, false)])?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    device.delete_otp(asked.slot, &pin, asked.unconfirmed)?;
    let done = Done { device: Owner::of(&device), slot: asked.slot, secret: "deleted" };
    output.show(&done, || format!("Slot {} has no secret any more.\n", asked.slot))
}

fn item(slot: OtpSlot) -> Slot {
    let OtpSlot { number, version, digits, kind, period } = slot;
    Slot { slot: number, version, digits, kind: kind.map(name), period }
}

fn name(kind: OtpKind) -> &'static str {
    match kind {
        OtpKind::Hotp => "hotp",
        OtpKind::Totp => "totp",
    }
}

impl From<Kind> for OtpKind {
    fn from(kind: Kind) -> Self {
        if kind == Kind::Hotp { Self::Hotp } else { Self::Totp }
    }
}

impl From<Hash> for OtpHash {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1,
            Hash::Sha256 => Self::Sha256,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

fn list_text(otp: &Slots) -> String {
    if !otp.asked {
        return "Not asked, because somebody is logged in at the device and would be logged out.\n"
            .to_owned();
    }
    if otp.slots.is_empty() {
        return "This device has no one-time passwords.\n".to_owned();
    }
    let head = ["SLOT", "KIND", "DIGITS", "PERIOD", "VERSION"].map(str::to_owned).to_vec();
    let rows: Vec<_> = [head].into_iter().chain(otp.slots.iter().map(row)).collect();
    table(&rows)
}

fn row(slot: &Slot) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let kind = match slot.kind {
        Some("hotp") => "counter (HOTP)".to_owned(),
        Some(_) => "time (TOTP)".to_owned(),
        None => "not configured, or not told".to_owned(),
    };
    vec![
        slot.slot.to_string(),
        kind,
        or_dash(slot.digits.map(|digits| digits.to_string())),
        or_dash(slot.period.map(|period| format!("{period} s"))),
        or_dash(slot.version.as_ref().map(plain)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_in_columns() {
        let slot = |slot, kind: Option<&'static str>, period| Slot {
            slot,
            version: Some("3.0.3.2".to_owned()),
            digits: kind.map(|_| 6),
            kind,
            period,
        };
        let slots = vec![slot(1, Some("hotp"), None), slot(2, Some("totp"), Some(30)), slot(3, None, None)];
        let expected = "\
SLOT  KIND                         DIGITS  PERIOD  VERSION
1     counter (HOTP)               6       -       3.0.3.2
2     time (TOTP)                  6       30 s    3.0.3.2
3     not configured, or not told  -       -       3.0.3.2
";
        assert_eq!(list_text(&Slots { asked: true, slots }), expected);
        assert!(list_text(&Slots { asked: false, slots: Vec::new() }).contains("logged in"));
        assert!(list_text(&Slots { asked: true, slots: Vec::new() }).contains("no one-time passwords"));
    }

    #[test]
    fn the_button_is_waited_for_no_longer_than_it_is_said() {
        let polls = BUTTON_TIME.as_millis() / BUTTON_POLL.as_millis();
        assert_eq!((polls, BUTTON_POLL), (120, Duration::from_millis(250)));
    }
}
