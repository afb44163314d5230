//! `crescendo recycle`: a device goes back to how it was delivered. What is lost is named before anything is asked for.

use clap::Args;
use device::{Device, Devices, InHand, PasskeysAfter, Proof, Puk, Recycler, Recycling};
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

pub(crate) fn run(output: &Output, devices: &Devices, asked: &Recycle) -> Result<(), Failure> {
    secret::leave_no_core();
    let mut device = devices.select(asked.which.device.as_deref())?;
    let hand = InHand { puk: asked.has_puk(), ..asked.authority.in_hand() };
    let way = device.recycling(hand.puk || hand.xauth)?;
    let proof = device.demand_to_recycle(way, hand)?;
    let contents = device.what_is_lost()?;
    let lost = contents.sentences(&device.title(), way);
    confirm(asked.yes, &lost)?;
    let held = asked.held(proof, &mut device)?;
    device.recycle(way, &held.right())?;
    let passkeys = passkeys(contents.fido.became(device.passkeys()));
    let recycled = Item { way: word(way), lost, passkeys, next: "personalize" };
    let shown = Shown { device: Owner::of(&device), recycled };
    output.show(&shown, || text(way, passkeys))
}

impl Recycle {
    fn has_puk(&self) -> bool {
        self.with_puk || self.puk.puk_env.is_some() || self.puk.puk_fd.is_some()
    }

    /// What proves the right, and nothing else.
    fn held(&self, proof: Proof, device: &mut Device) -> Result<Recycler, Failure> {
        let name = plain(device.name());
        Ok(match proof {
            Proof::Xauth => Recycler::Xauth(self.authority.xauth_key()?),
            Proof::Code => {
                let question = format!("PUK of {name}: ");
                let text = secret::text(self.puk.puk_env.as_deref(), self.puk.puk_fd, &question)?;
                match Puk::parse(&text)? {
                    Puk::Code(code) => Recycler::Code(code),
                    Puk::Digits(_) => return Err(device::Error::PukFormat.into()),
                }
            }
            Proof::Management => Recycler::Management(self.authority.management_key(&name)?),
            Proof::Pin => Recycler::Pin(entered(&self.authority.pin, device, "PIN")?),
            Proof::Nothing => Recycler::Nothing,
        })
    }
}

fn word(way: Recycling) -> &'static str {
    match way {
        Recycling::ResetCard => "reset-card",
        Recycling::Extended => "extended",
        Recycling::Objects => "objects",
    }
}

fn passkeys(after: PasskeysAfter) -> &'static str {
    match after {
        PasskeysAfter::None => "none",
        PasskeysAfter::Kept => "kept",
        PasskeysAfter::Cleared => "cleared",
        PasskeysAfter::Untold => "untold",
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
