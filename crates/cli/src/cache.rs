//! `crescendo cache`: what is kept of devices between uses, listed and cleared; and PINs forgotten.

use std::{io, path::PathBuf, time::Duration};

use device::{Devices, Kept};
use serde::Serialize;

use crate::{
    arguments::{Cache, Clear, Which},
    failure::Failure,
    output::{Output, Owner, plain, table},
};

#[derive(Serialize)]
struct List {
    cache: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    guid: String,
    label: Option<String>,
    size: u64,
    /// In seconds.
    idle: Option<u64>,
}

#[derive(Serialize)]
struct Cleared {
    cleared: Vec<Item>,
}

#[derive(Serialize)]
struct Forgotten {
    device: Owner,
    pins: &'static str,
}

pub(crate) fn run(
    output: &Output,
    devices: &Devices,
    cache: &device::Cache,
    command: Cache,
) -> Result<(), Failure> {
    match command {
        Cache::List => list(output, cache),
        Cache::Clear(which) => clear(output, devices, cache, &which),
        Cache::ForgetPins(which) => forget_pins(output, devices, &which),
    }
}

fn list(output: &Output, cache: &device::Cache) -> Result<(), Failure> {
    let list = List { cache: cache.list().into_iter().map(item).collect() };
    output.show(&list, || text(&list.cache))
}

fn clear(output: &Output, devices: &Devices, cache: &device::Cache, which: &Clear) -> Result<(), Failure> {
    let wanted = which.which.device.as_deref();
    let (kept, is_gone) = if which.all { all(cache) } else { cache.clear_named(devices, wanted)? };
    if !is_gone {
        return Err(Failure::File(PathBuf::from("the cache"), io::ErrorKind::PermissionDenied.into()));
    }
    let cleared = Cleared { cleared: kept.into_iter().map(item).collect() };
    output.show(&cleared, || cleared_text(&cleared.cleared))
}

fn all(cache: &device::Cache) -> (Vec<Kept>, bool) {
    let kept = cache.list();
    (kept, cache.clear_all())
}

fn forget_pins(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let mut device = devices.select(which.device.as_deref())?;
    device.forget_pins()?;
    let forgotten = Forgotten { device: Owner::of(&device), pins: "forgotten" };
    output.show(&forgotten, || forgotten_text(&forgotten.device))
}

fn item(kept: Kept) -> Item {
    Item { guid: kept.uuid(), label: kept.label, size: kept.size, idle: kept.idle.map(|idle| idle.as_secs()) }
}

fn text(items: &[Item]) -> String {
    if items.is_empty() {
        return "Nothing is kept.\n".to_owned();
    }
    let head = ["GUID", "LABEL", "SIZE", "LAST USED"].map(str::to_owned).to_vec();
    let rows: Vec<_> = [head].into_iter().chain(items.iter().map(row)).collect();
    table(&rows)
}

fn row(item: &Item) -> Vec<String> {
    let label = item.label.as_ref().map_or_else(|| "-".to_owned(), plain);
    vec![item.guid.clone(), label, size(item.size), item.idle.map_or_else(|| "-".to_owned(), ago)]
}

/// In units of 1000 bytes.
fn size(bytes: u64) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

/// No finer than it is known.
fn ago(seconds: u64) -> String {
    let idle = Duration::from_secs(seconds);
    match idle.as_secs() / 3600 {
        0 | 1 => "within two hours".to_owned(),
        hours @ 2..48 => format!("{hours} hours ago"),
        hours => format!("{} days ago", hours / 24),
    }
}

fn cleared_text(items: &[Item]) -> String {
    if items.is_empty() {
        return "Nothing was kept.\n".to_owned();
    }
    let line = |item: &Item| {
        let label = item.label.as_ref().map(|label| format!(" ({})", plain(label))).unwrap_or_default();
        format!("{}{label}: {} cleared\n", item.guid, size(item.size))
    };
    items.iter().map(line).collect()
}

fn forgotten_text(device: &Owner) -> String {
    let id = device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    format!(
        "{}{id}, in {}: logged out. The next use of its keys needs the PIN.\n\
         Programs that kept the PIN for this module have forgotten it.\n",
        plain(&device.name),
        plain(&device.reader)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;

    fn some() -> Item {
        Item {
            guid: "C4000C4E-5CE4-4D01-8A11-000000000001".to_owned(),
            label: Some("A\x1b".to_owned()),
            size: 6449,
            idle: Some(3 * 86400),
        }
    }

    #[test]
    fn a_list_in_columns() {
        let unknown = Item { label: None, idle: None, size: 99, ..some() };
        let expected = "\
GUID                                  LABEL  SIZE    LAST USED
C4000C4E-5CE4-4D01-8A11-000000000001  A\u{FFFD}     6.4 kB  3 days ago
C4000C4E-5CE4-4D01-8A11-000000000001  -      0.0 kB  -
";
        assert_eq!(text(&[some(), unknown]), expected);
        assert_eq!(text(&[]), "Nothing is kept.\n");
    }

    #[test]
    fn what_was_cleared_is_named() {
        assert_eq!(
            cleared_text(&[some()]),
            "C4000C4E-5CE4-4D01-8A11-000000000001 (A\u{FFFD}): 6.4 kB cleared\n"
        );
        assert_eq!(cleared_text(&[]), "Nothing was kept.\n");
    }

    #[test]
    fn ages_are_no_finer_than_they_are_known() {
        assert_eq!(ago(7199), "within two hours");
        assert_eq!(ago(7200), "2 hours ago");
        assert_eq!(ago(2 * 86400), "2 days ago");
    }

    #[test]
    fn json_of_what_is_kept() {
        let object: serde_json::Value =
            serde_json::from_str(&json(&List { cache: vec![some()] }).unwrap()).unwrap();
        let expected = serde_json::json!({"schema": 1, "cache": [{
            "guid": "C4000C4E-5CE4-4D01-8A11-000000000001", "label": "A\u{1b}", "size": 6449, "idle": 259200,
        }]});
        assert_eq!(object, expected);
    }
}
