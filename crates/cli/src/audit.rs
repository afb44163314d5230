//! `crescendo audit`: which devices have the administration key of delivery, which everybody knows.

use clap::Args;
use device::{AdministrationKey, Device, Devices, State};
use serde::Serialize;

use crate::{
    arguments::Which,
    confirm::confirm,
    failure::{FACTORY_KEY, Failure},
    output::{Output, Owner, plain},
};

#[derive(Args, Debug)]
pub(crate) struct Audit {
    #[command(flatten)]
    which: Which,
    /// Do not ask whether it is meant
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Shown {
    /// How many have the key of delivery.
    found: usize,
    audit: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    device: Owner,
    key: &'static str,
    problem: Option<String>,
}

const WHAT: &str = "Each device is asked once whether it takes the key it is delivered with: a Crescendo by its administration \
key (EXTERNAL AUTHENTICATE), other PIV cards by their management key (9B). No counter of wrong keys is documented for either. \
Nothing is changed, no PIN is sent, and the device is reset afterwards; where somebody is logged in, it is left out.";

pub(crate) fn run(output: &Output, devices: &Devices, asked: &Audit) -> Result<(), Failure> {
    let mut audited = match &asked.which.device {
        Some(wanted) => vec![devices.select(Some(wanted))?],
        None => devices.cards()?,
    };
    confirm(asked.yes, &[WHAT.to_owned()])?;
    let items: Vec<Item> = audited.iter_mut().filter_map(item).collect();
    let found = items.iter().filter(|item| item.key == "factory").count();
    let shown = Shown { found, audit: items };
    output.show(&shown, || text(&shown))?;
    if found > 0 { Err(Failure::Told(FACTORY_KEY)) } else { Ok(()) }
}

/// `None`: there is nothing in the reader.
fn item(device: &mut Device) -> Option<Item> {
    if matches!(device.load(), State::Empty) {
        return None;
    }
    let (key, problem) = match device.audit() {
        Ok(AdministrationKey::Factory) => ("factory", None),
        Ok(AdministrationKey::Own) => ("own", None),
        Ok(AdministrationKey::Absent) => ("absent", None),
        Err(error) => ("unknown", Some(error.to_string())),
    };
    Some(Item { device: Owner::of(device), key, problem })
}

fn text(shown: &Shown) -> String {
    if shown.audit.is_empty() {
        return "No device was found.\n".to_owned();
    }
    shown.audit.iter().map(line).collect()
}

fn line(item: &Item) -> String {
    let id = item.device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    let head = format!("{}{id}, in {}", plain(&item.device.name), plain(&item.device.reader));
    match (item.key, &item.problem) {
        ("factory", _) => format!(
            "! {head}: it has the key of delivery. Whoever holds it can administer it. Personalize it (recycle it first), or \
             have the key replaced by who administers it.\n"
        ),
        ("own", _) => format!("  {head}: it has a key of its own.\n"),
        ("absent", _) => format!("  {head}: it has no administration key.\n"),
        (_, problem) => format!("? {head}: {}\n", problem.as_ref().map(plain).unwrap_or_default()),
    }
}
