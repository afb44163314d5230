//! `crescendo pin`: how a PIN stands, finding out whether one is right, changing it, and setting a new one where it is blocked.

pub(crate) mod arguments;
mod entry;
mod help_desk;
mod text;

use device::{Challenged, Device, Devices, LocalPolicy, PinState, PinStatus, Puk, PukState, XauthKey};
use serde::Serialize;

use self::arguments::{Change, Pin, Unblock, Verify};
pub(crate) use self::entry::{entered, new_pin, tries};
use crate::{
    arguments::{Command, Which},
    failure::Failure,
    output::{Output, Owner, plain},
    secret,
};

#[derive(Serialize)]
struct Shown {
    device: Owner,
    pin: Item,
}

#[derive(Serialize)]
struct Item {
    state: &'static str,
    tries: Option<u8>,
    reference: &'static str,
    /// Of the device alone: what the owner of the machine wants beyond it is in `rules`.
    policy: Option<Policy>,
    rules: String,
    puk: Tries,
    challenge: &'static str,
    next: &'static str,
    advice: String,
}

#[derive(Serialize)]
struct Policy {
    min: u8,
    max: u8,
    digits: bool,
}

#[derive(Serialize)]
struct Tries {
    state: &'static str,
    tries: Option<u8>,
}

#[derive(Serialize)]
struct Done {
    device: Owner,
    pin: &'static str,
}

/// Whether this command writes one object a line: a challenge comes before the end.
pub(crate) fn writes_lines(command: &Command) -> bool {
    matches!(command, Command::Pin(Pin::Unblock(asked)) if asked.help_desk)
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Pin) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        Pin::Status(which) => status(output, devices, &which),
        Pin::Verify(asked) => verify(output, devices, &asked),
        Pin::Change(asked) => change(output, devices, &asked),
        Pin::Unblock(asked) => unblock(output, devices, &asked),
    }
}

fn status(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let mut device = devices.select(which.device.as_deref())?;
    let status = device.pin_status()?;
    let rules = device.pin_rules(&LocalPolicy::read(&*host::system())?)?;
    let pin = item(&status, rules.to_string());
    let shown = Shown { device: Owner::of(&device), pin };
    output.show(&shown, || text::status(&shown))
}

fn verify(output: &Output, devices: &Devices, asked: &Verify) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    device.verify_pin(&pin)?;
    done(output, &device, "right", "The PIN is right. The device is locked again.")
}

fn change(output: &Output, devices: &Devices, asked: &Change) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let rules = device.pin_rules(&LocalPolicy::read(&*host::system())?)?;
    let old = entered(&asked.pin, &mut device, "Current PIN")?;
    let new = entry::new_pin(&asked.new, &rules, Some(&old))?;
    device.change_pin(&old, &new)?;
    done(output, &device, "changed", "The PIN is changed.")
}

fn unblock(output: &Output, devices: &Devices, asked: &Unblock) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    device.demand_contact()?;
    device.permit_unconfirmed(asked.unconfirmed);
    let rules = device.pin_rules(&LocalPolicy::read(&*host::system())?)?;
    if asked.help_desk {
        let new = entry::new_pin(&asked.new, &rules, None)?;
        help_desk::unblock(output, &mut device, &new, asked.response_fd)?;
    } else if asked.key.xauth_key_env.is_some() || asked.key.xauth_key_fd.is_some() {
        let text = secret::text(asked.key.xauth_key_env.as_deref(), asked.key.xauth_key_fd, "")?;
        let key = XauthKey::from_hex(&text).map_err(device::Error::Card)?;
        let new = entry::new_pin(&asked.new, &rules, None)?;
        device.unblock_with_key(&key, &new)?;
    } else {
        let puk = entered_puk(asked, &mut device)?;
        let new = entry::new_pin(&asked.new, &rules, None)?;
        device.unblock_with_puk(&puk, &new)?;
    }
    done(output, &device, "unblocked", "The new PIN is set, and all of its tries are there again.")
}

/// The PUK, from where it was said, or from a person who is told how many tries there are.
fn entered_puk(asked: &Unblock, device: &mut Device) -> Result<Puk, Failure> {
    let tries = tries(device.puk_tries(false)?);
    let question = format!("PUK of {}{tries}: ", plain(device.name()));
    let text = secret::text(asked.puk.puk_env.as_deref(), asked.puk.puk_fd, &question)?;
    Ok(Puk::parse(&text)?)
}

fn done(output: &Output, device: &Device, pin: &'static str, text: &str) -> Result<(), Failure> {
    let done = Done { device: Owner::of(device), pin };
    output.show(&done, || format!("{text}\n"))
}

fn item(status: &PinStatus, rules: String) -> Item {
    let PinStatus { state, reference, policy, ways } = status;
    let (state, tries) = match *state {
        PinState::Verified => ("verified", None),
        PinState::Tries(0) | PinState::Blocked => ("blocked", Some(0)),
        PinState::Tries(tries) => ("not-verified", Some(tries)),
        PinState::ContactOnly => ("contact-only", None),
        PinState::Absent => ("absent", None),
    };
    let (puk, puk_tries) = match ways.puk {
        PukState::Tries(tries) => ("there", Some(tries)),
        PukState::Blocked => ("blocked", Some(0)),
        PukState::Untold => ("untold", None),
        PukState::Absent => ("absent", None),
    };
    let next = text::next(state, tries, ways);
    Item {
        state,
        tries,
        reference: if *reference == device::PinReference::Global { "global" } else { "application" },
        policy: policy.map(|policy| Policy { min: policy.min, max: policy.max, digits: policy.digits }),
        rules,
        puk: Tries { state: puk, tries: puk_tries },
        challenge: match ways.challenge {
            Challenged::No => "no",
            Challenged::Yes => "yes",
            Challenged::Unconfirmed => "unconfirmed",
        },
        next: next.0,
        advice: next.1.to_owned(),
    }
}
