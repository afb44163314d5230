//! `crescendo personalize`: a device in factory state gets its PIN, its PUK, and an administration key that not everybody
//! knows.

use clap::Args;
use device::{
    Device, Devices, LocalPolicy, ManagementKey, Personalized, PinPolicy, Plan, helpdesk::MasterKey,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    arguments::{PinSource, Which},
    failure::Failure,
    output::{Output, Owner, plain},
    pairing::clipboard::Desktop,
    pin::{arguments::NewPin, entered, new_pin},
    puk, secret,
};

#[derive(Args, Debug)]
pub(crate) struct Personalize {
    #[command(flatten)]
    which: Which,
    /// The PIN that the device has, where it is not the one of delivery, which else is tried once.
    #[command(flatten)]
    pin: PinSource,
    #[command(flatten)]
    new: NewPin,
    /// Give the device the administration key that the help desk's master key in this environment variable makes, in place
    /// of a PUK
    #[arg(long, value_name = "VAR", conflicts_with = "xauth_master_fd")]
    xauth_master_env: Option<String>,
    /// Read the help desk's master key from this file descriptor, one line
    #[arg(long, value_name = "N")]
    xauth_master_fd: Option<u32>,
    /// The fewest characters that PINs of this device have from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(4..=8))]
    min: Option<u8>,
    /// The most characters that they have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(4..=8))]
    max: Option<u8>,
    /// They have digits alone
    #[arg(long, conflicts_with = "any_characters")]
    digits: bool,
    /// They have any characters
    #[arg(long)]
    any_characters: bool,
    /// Take the management key of a card that is no Crescendo from this environment variable, where it is not the one of
    /// delivery
    #[arg(long, value_name = "VAR", conflicts_with = "management_key_fd")]
    management_key_env: Option<String>,
    /// Read that management key from this file descriptor, one line
    #[arg(long, value_name = "N")]
    management_key_fd: Option<u32>,
    /// Copy the PUK to the clipboard, for 30 seconds or until Ctrl-C, and do not show it
    #[arg(long)]
    copy: bool,
    /// Send commands, too, of which nobody has published that this device takes them
    #[arg(long)]
    unconfirmed: bool,
}

#[derive(Serialize)]
struct Shown {
    device: Owner,
    personalized: Item,
}

#[derive(Serialize)]
struct Item {
    puk: Option<Zeroizing<String>>,
    /// Whether it can be looked up on the device.
    kept: bool,
    /// What the administration key of a Crescendo comes of.
    administration_key: Option<&'static str>,
    management_key: Option<Zeroizing<String>>,
    factory_key_replaced: bool,
    copied: bool,
    cleared: Option<bool>,
}

pub(crate) fn run(output: &Output, devices: &Devices, asked: &Personalize) -> Result<(), Failure> {
    secret::leave_no_core();
    let mut device = devices.select(asked.which.device.as_deref())?;
    device.permit_unconfirmed(asked.unconfirmed);
    let factory = device.personalizing()?;
    device.administration().takes(asked.has_master(), asked.has_management_key())?;
    let policy = asked.policy(&mut device)?;
    let rules = device.personal_rules(policy, &LocalPolicy::read(&*host::system())?)?;
    let desktop = asked.copy.then(Desktop::open).transpose()?;
    let (master, management) = (asked.master()?, asked.management()?);
    if !output.json {
        eprint!("{}", warning(&device));
    }
    let is_given = asked.pin.pin_env.is_some() || asked.pin.pin_fd.is_some();
    let current = is_given.then(|| entered(&asked.pin, &mut device, "Current PIN")).transpose()?;
    let new = new_pin(&asked.new, &rules, Some(&factory))?;
    let plan = Plan {
        current: current.as_ref(),
        new: &new,
        policy,
        master: master.as_ref(),
        management: management.as_ref(),
    };
    let made = device.personalize(&plan)?;
    let is_copied = desktop.is_some() && made.puk.is_some();
    let cleared = match (desktop, &made.puk) {
        (Some(desktop), Some(puk)) => Some(puk::copy(output, desktop, puk)?),
        _ => None,
    };
    let shown = shown(&device, made, master.is_some(), is_copied, cleared);
    output.show(&shown, || text(&shown))
}

impl Personalize {
    /// The rules for PINs that were asked for, the rest as the device has them.
    fn policy(&self, device: &mut Device) -> Result<Option<PinPolicy>, Failure> {
        let digits = if self.digits { Some(true) } else { self.any_characters.then_some(false) };
        Ok(device.personal_policy(self.min, self.max, digits)?)
    }

    fn has_master(&self) -> bool {
        self.xauth_master_env.is_some() || self.xauth_master_fd.is_some()
    }

    fn has_management_key(&self) -> bool {
        self.management_key_env.is_some() || self.management_key_fd.is_some()
    }

    fn master(&self) -> Result<Option<MasterKey>, Failure> {
        if !self.has_master() {
            return Ok(None);
        }
        let text = secret::text(self.xauth_master_env.as_deref(), self.xauth_master_fd, "")?;
        Ok(Some(MasterKey::from_hex(&text)?))
    }

    fn management(&self) -> Result<Option<ManagementKey>, Failure> {
        if !self.has_management_key() {
            return Ok(None);
        }
        let text = secret::text(self.management_key_env.as_deref(), self.management_key_fd, "")?;
        Ok(Some(ManagementKey::from_hex(&text).map_err(device::Error::Card)?))
    }
}

fn shown(device: &Device, made: Personalized, help_desk: bool, copied: bool, cleared: Option<bool>) -> Shown {
    let Personalized { puk, kept, management, replaced } = made;
    let administration_key = if help_desk { "help-desk" } else { "puk" };
    let personalized = Item {
        puk: puk.filter(|_| !copied),
        kept,
        administration_key: device.is_crescendo().then_some(administration_key),
        management_key: management,
        factory_key_replaced: replaced,
        copied,
        cleared,
    };
    Shown { device: Owner::of(device), personalized }
}

/// What a person knows before entering anything.
fn warning(device: &Device) -> String {
    format!(
        "{} is set up. The PIN it is delivered with is tried once, unless --pin-env or --pin-fd gives another.\n\
         Too many wrong PINs lock it; without its PUK, or a help desk, that is for good.\n",
        plain(device.name())
    )
}

fn text(shown: &Shown) -> String {
    let item = &shown.personalized;
    let id = shown.device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    let mut text = format!("{} is personalized{id}.\n", plain(&shown.device.name));
    match (&item.puk, item.kept) {
        (Some(puk), true) => {
            text += &format!(
                "PUK: {}\nWrite it down. `crescendo puk show` shows it again, with the PIN.\n",
                **puk
            );
        }
        (Some(puk), false) => {
            text += &format!("PUK: {}\nWrite it down: the device cannot show it again.\n", **puk)
        }
        (None, _) if item.copied => {
            text += "The PUK was in the clipboard. `crescendo puk show` shows it again.\n"
        }
        (None, _) if item.administration_key == Some("help-desk") => {
            text += "It has no PUK: the help desk unblocks it, with its ID.\n";
        }
        (None, _) => text += "! Its PUK is not the one of delivery, and was left as it is.\n",
    }
    if let Some(key) = &item.management_key {
        text += &format!("Management key: {}\nKeep it: keys and certificates are changed with it.\n", **key);
    }
    if !item.factory_key_replaced {
        text += "! Its management key is still the one of delivery: the card knows no way to replace it. Whoever holds the card \
                 can write to it.\n";
    }
    text
}
