//! `crescendo recycle`: a device goes back to how it was delivered. What is lost is named before anything is asked for.

use clap::Args;
use device::{
    Contents, Device, Devices, ManagementKey, Passkeys, Pin, PinState, Puk, PukCode, RecycleRight, Recycling,
    XauthKey,
};
use serde::Serialize;

use crate::{
    arguments::Which,
    authority::AuthoritySource,
    confirm::confirm,
    failure::Failure,
    output::{Output, Owner, plain},
    pin::{arguments::PukSource, entered},
    secret,
};

#[derive(Args, Debug)]
pub(crate) struct Recycle {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    authority: AuthoritySource,
    #[command(flatten)]
    puk: PukSource,
    /// Ask for the PUK of 16 characters, where the PIN is blocked or forgotten
    #[arg(long, conflicts_with_all = ["puk_env", "puk_fd"])]
    with_puk: bool,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Shown {
    device: Owner,
    recycled: Item,
}

#[derive(Serialize)]
struct Item {
    way: &'static str,
    lost: Vec<String>,
    passkeys: &'static str,
    next: &'static str,
}

/// What was given.
enum Held {
    Pin(Pin),
    Xauth(XauthKey),
    Code(PukCode),
    Management(ManagementKey),
    Nothing,
}

pub(crate) fn run(output: &Output, devices: &Devices, asked: &Recycle) -> Result<(), Failure> {
    secret::leave_no_core();
    let mut device = devices.select(asked.which.device.as_deref())?;
    let way = device.recycling(asked.has_puk() || asked.authority.has_xauth_key())?;
    let stands_for_key = asked.has_puk() || asked.authority.has_xauth_key();
    device.administration().takes(stands_for_key, asked.authority.has_management_key())?;
    let contents = device.what_is_lost()?;
    let name = plain(device.name());
    let lost = lost(&name, way, &contents);
    confirm(asked.yes, &lost)?;
    let held = asked.held(way, &mut device)?;
    device.recycle(way, &held.right())?;
    let passkeys = passkeys(contents.fido, device.passkeys());
    let recycled = Item { way: word(way), lost, passkeys, next: "personalize" };
    let shown = Shown { device: Owner::of(&device), recycled };
    output.show(&shown, || text(way, passkeys))
}

impl Recycle {
    fn has_puk(&self) -> bool {
        self.with_puk || self.puk.puk_env.is_some() || self.puk.puk_fd.is_some()
    }

    /// What proves the right to this way, and nothing else.
    fn held(&self, way: Recycling, device: &mut Device) -> Result<Held, Failure> {
        let name = plain(device.name());
        let is_blocked = matches!(device.lock()?, PinState::Blocked | PinState::Tries(0));
        Ok(match way {
            Recycling::ResetCard if self.authority.has_xauth_key() => {
                Held::Xauth(self.authority.xauth_key()?)
            }
            Recycling::ResetCard if self.has_puk() => {
                let question = format!("PUK of {name}: ");
                let text = secret::text(self.puk.puk_env.as_deref(), self.puk.puk_fd, &question)?;
                match Puk::parse(&text)? {
                    Puk::Code(code) => Held::Code(code),
                    Puk::Digits(_) => return Err(device::Error::PukFormat.into()),
                }
            }
            Recycling::Objects => Held::Management(self.authority.management_key(&name)?),
            Recycling::Extended if self.authority.has_management_key() => {
                Held::Management(self.authority.management_key(&name)?)
            }
            Recycling::Extended if is_blocked => Held::Nothing,
            Recycling::ResetCard | Recycling::Extended => {
                Held::Pin(entered(&self.authority.pin, device, "PIN")?)
            }
        })
    }
}

impl Held {
    fn right(&self) -> RecycleRight<'_> {
        match self {
            Self::Pin(pin) => RecycleRight::Pin(pin),
            Self::Xauth(key) => RecycleRight::Xauth(key),
            Self::Code(code) => RecycleRight::Code(code),
            Self::Management(key) => RecycleRight::Management(key),
            Self::Nothing => RecycleRight::Nothing,
        }
    }
}

fn word(way: Recycling) -> &'static str {
    match way {
        Recycling::ResetCard => "reset-card",
        Recycling::Extended => "extended",
        Recycling::Objects => "objects",
    }
}

/// A sentence for each thing that is lost.
fn lost(name: &str, way: Recycling, contents: &Contents) -> Vec<String> {
    let mut lines = vec![match way {
        Recycling::ResetCard => format!(
            "{name} goes back to how it was delivered: its PIN is the one of delivery again, and its administration key is gone, \
             so that no PUK and no help desk unblocks it until it is personalized."
        ),
        Recycling::Extended => format!(
            "{name} goes back to how it was delivered, PIN, PUK and management key too. For that its PIN and PUK are blocked \
             first, on purpose."
        ),
        Recycling::Objects => format!(
            "{name} is emptied. Its keys, PIN, PUK and management key stay, as it knows no way to take them back."
        ),
    }];
    let with_key = if way == Recycling::Objects { "is lost" } else { "and its key are lost" };
    for (key, subject) in &contents.certificates {
        lines.push(format!("The certificate of {key} ({}) {with_key}.", plain(subject)));
    }
    if way != Recycling::Objects {
        lines.extend(contents.bare.iter().map(|key| format!("The key in {key} is lost.")));
        let is_missed = |key: &device::KeyReference| key.is_key_management();
        if contents.certificates.iter().map(|(key, _)| key).chain(&contents.bare).any(is_missed) {
            lines.push(
                "What was encrypted for it can then be read by nobody who has no copy of the key.".to_owned(),
            );
        }
    }
    if contents.otp {
        lines.push("Its secrets for one-time passwords are lost.".to_owned());
    }
    if way == Recycling::ResetCard && contents.fido != Passkeys::None {
        lines.push(
            "Its passkeys and security keys (FIDO) may be lost, too: that differs by model.".to_owned(),
        );
    }
    lines
}

/// What became of the passkeys, as far as their PIN shows it.
fn passkeys(before: Passkeys, after: Passkeys) -> &'static str {
    match (before, after) {
        (Passkeys::None, _) => "none",
        (Passkeys::Protected, Passkeys::Protected) => "kept",
        (Passkeys::Protected, _) => "cleared",
        (Passkeys::Untold, _) => "untold",
    }
}

fn text(way: Recycling, passkeys: &str) -> String {
    let fido = match passkeys {
        "kept" => "Its passkeys are still there: their PIN is set.\n",
        "cleared" => "Its passkeys are gone with the rest.\n",
        "untold" if way == Recycling::ResetCard => "What became of its passkeys, it does not tell.\n",
        _ => "",
    };
    let done = match way {
        Recycling::Objects => "The device is emptied.",
        _ => "The device is as it was delivered.",
    };
    format!("{done}\n{fido}`crescendo personalize` sets it up again.\n")
}

#[cfg(test)]
mod tests {
    use device::KeyReference;

    use super::*;

    #[test]
    fn everything_that_is_lost_has_its_sentence() {
        let contents = Contents {
            certificates: vec![(KeyReference::PIV_AUTHENTICATION, "CN=Zoe".to_owned())],
            bare: vec![KeyReference::KEY_MANAGEMENT],
            otp: true,
            fido: Passkeys::Protected,
        };
        let told = lost("X", Recycling::ResetCard, &contents).join("\n");
        for part in ["CN=Zoe", "key in 9D", "one-time", "FIDO", "administration key is gone", "no copy"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let objects = lost("X", Recycling::Objects, &contents).join("\n");
        assert!(objects.contains("stay") && !objects.contains("key in 9D"), "{objects}");
        assert_eq!(passkeys(Passkeys::Protected, Passkeys::Untold), "cleared");
        assert_eq!(passkeys(Passkeys::Protected, Passkeys::Protected), "kept");
    }
}
