//! `crescendo puk`: the PUK that is kept on a device, shown to whoever knows the PIN, or never again.

use device::Devices;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    confirm::confirm,
    failure::Failure,
    output::{Output, Owner, plain},
    pairing::clipboard::{Desktop, Patience, lend},
    pin::{
        arguments::{ChangePuk, Hide, Puk, Show},
        entered, tries,
    },
    secret,
};

#[derive(Serialize)]
struct Told {
    device: Owner,
    /// Only where it is not copied.
    puk: Option<Zeroizing<String>>,
    copied: bool,
    /// Whether it was taken out of the clipboard again.
    cleared: Option<bool>,
}

#[derive(Serialize)]
struct Done {
    device: Owner,
    puk: &'static str,
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Puk) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        Puk::Show(asked) => show(output, devices, &asked),
        Puk::Hide(asked) => hide(output, devices, &asked),
        Puk::Change(asked) => change(output, devices, &asked),
    }
}

fn show(output: &Output, devices: &Devices, asked: &Show) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    // Before a PIN is asked for in vain.
    device.may_show_puk()?;
    let desktop = asked.copy.then(Desktop::open).transpose()?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    let puk = device.puk(&pin)?;
    drop(pin);
    let cleared = desktop.map(|desktop| copy(output, desktop, &puk)).transpose()?;
    let told =
        Told { device: Owner::of(&device), puk: (!asked.copy).then_some(puk), copied: asked.copy, cleared };
    output.show(&told, || told_text(&told))
}

pub(crate) fn copy(output: &Output, mut desktop: Desktop, puk: &str) -> Result<bool, Failure> {
    let patience = Patience::begin()?;
    lend(&mut desktop, puk, || {
        if !output.json {
            eprintln!("The PUK is in the clipboard, for 30 seconds or until Ctrl-C.");
        }
        patience.wait();
    })
}

fn told_text(told: &Told) -> String {
    match (&told.puk, told.cleared) {
        (Some(puk), _) => format!("{}\n", **puk),
        (None, Some(true)) => "The clipboard is cleared.\n".to_owned(),
        _ => "The clipboard holds something else by now, and is left as it is.\n".to_owned(),
    }
}

fn hide(output: &Output, devices: &Devices, asked: &Hide) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    device.may_show_puk()?;
    confirm(asked.yes, &[plain(device.lost_by_hiding())])?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    device.hide_puk(&pin)?;
    done(output, Owner::of(&device), "hidden", "The PUK is no longer kept on the device. It stays valid.")
}

fn change(output: &Output, devices: &Devices, asked: &ChangePuk) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    device.demand_contact()?;
    device.permit_unconfirmed(asked.unconfirmed);
    let tries = tries(device.puk_tries(true)?);
    let question = format!("Current PUK of {}{tries}: ", plain(device.name()));
    let old = secret::text(asked.puk.puk_env.as_deref(), asked.puk.puk_fd, &question)?;
    let old = device::Puk::of_card(&old)?;
    let question = "New PUK, 8 digits: ";
    let text = secret::text(asked.new_puk_env.as_deref(), asked.new_puk_fd, question)?;
    let new = device::Puk::new_of_card(&text)?;
    let is_said = asked.new_puk_env.is_some() || asked.new_puk_fd.is_some();
    if !is_said && *secret::text(None, None, "New PUK once more: ")? != *text {
        return Err(Failure::Different);
    }
    device.change_puk(&old, &new)?;
    done(output, Owner::of(&device), "changed", "The PUK is changed.")
}

fn done(output: &Output, device: Owner, puk: &'static str, text: &str) -> Result<(), Failure> {
    let done = Done { device, puk };
    output.show(&done, || format!("{text}\n"))
}
