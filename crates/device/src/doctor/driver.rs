//! What pcscd's driver for USB readers (libccid) makes of the readers on USB. pcscd asks it for devices whose vendor and
//! product are in the driver's Info.plist, never for those of the class of card readers: a security key that is not in
//! that list has no reader, and its card is not there for any program.

use std::path::{Path, PathBuf};

use link::System;

use super::{
    Finding,
    paths::{is_there, libraries, quoted, text},
};

/// Where the kernel shows devices on USB and their interfaces (`1-2`, `1-2:1.0`).
const USB: &str = "/sys/bus/usb/devices";
/// bInterfaceClass of card readers (CCID 1.1, section 4.3).
const CLASS: &str = "0b";
/// The bundles of drivers, in a folder of libraries.
const BUNDLES: &str = "pcsc/drivers";
const CCID: &str = "ifd-ccid.bundle";
/// What a driver says of itself, in its bundle.
const LIST: &str = "Contents/Info.plist";
/// Three lists in it, of equal length: the n-th of each is one reader.
const VENDORS: &str = "ifdVendorID";
const PRODUCTS: &str = "ifdProductID";
const NAMES: &str = "ifdFriendlyName";
/// More of a name says nothing.
const LONGEST_NAME: usize = 60;

/// A device on USB that has the interface of a card reader.
struct Usb {
    vendor: u16,
    product: u16,
    /// As the device calls itself.
    name: String,
}

/// The readers on USB that no driver of pcscd knows. One that has a reader all the same (`seen`, the names of readers) is
/// served by something else. The list of libccid, or what is not there, is [`readers`](super::readers)' to tell.
pub(super) fn examine(system: &dyn System, seen: &[String]) -> Vec<Finding> {
    let lists = lists(system);
    let Some(ccid) = lists.iter().find(|list| list.is_of(CCID)) else { return Vec::new() };
    let mut devices = devices(system);
    devices.sort_by_key(|device| (device.vendor, device.product));
    devices.dedup_by_key(|device| (device.vendor, device.product));
    let (known, unknown): (Vec<_>, Vec<_>) = devices.iter().partition(|device| {
        lists.iter().any(|list| list.has(device))
            || !device.name.is_empty() && seen.iter().any(|reader| reader.contains(&device.name))
    });
    let mut findings: Vec<_> = unknown.into_iter().map(|device| missing(system, ccid, device)).collect();
    if !known.is_empty() {
        let ids: Vec<_> = known.iter().map(|device| device.id()).collect();
        let what =
            format!("the driver for readers on USB (CCID) takes what is connected: {}", ids.join(", "));
        findings.push(Finding::ok("driver", what));
    }
    findings
}

fn missing(system: &dyn System, ccid: &List, device: &Usb) -> Finding {
    let (name, id, file) = (device.called(), device.id(), ccid.path.display());
    let what = format!(
        "{name} ({id}) is a card reader (CCID), but not one that pcscd's driver knows: it has no reader. pcscd goes by the \
         USB ids in {file}"
    );
    let restart = if is_there(system, "/run/systemd/system") {
        " && sudo systemctl restart pcscd"
    } else {
        "  # and start pcscd again"
    };
    let path = quoted(&ccid.path);
    let remedy = if ccid.is_as_shipped() {
        let add = |list: &str, entry: &str| {
            format!("-e '/<key>{list}</,/<array>/s|<array>|&\\n<string>{entry}</string>|'")
        };
        let added = [
            add(VENDORS, &format!("0x{:04X}", device.vendor)),
            add(PRODUCTS, &format!("0x{:04X}", device.product)),
            add(NAMES, &name),
        ];
        format!("sudo sed -i.before {} {path}{restart}", added.join(" "))
    } else {
        format!(
            "sudo editor {path}  # add 0x{:04X} to {VENDORS}, 0x{:04X} to {PRODUCTS}, {name} to {NAMES}, each at the same \
             place; then start pcscd again",
            device.vendor, device.product
        )
    };
    Finding::problem("driver", what, remedy)
}

impl Usb {
    fn id(&self) -> String {
        format!("{:04x}:{:04x}", self.vendor, self.product)
    }

    /// Its name, as far as it can be in a list, and on a command line: what a device says of itself is anybody's word.
    fn called(&self) -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || " .-_".contains(*c);
        let name: String = self.name.chars().filter(plain).take(LONGEST_NAME).collect();
        let name = name.trim();
        if name.is_empty() { "USB reader".to_owned() } else { name.to_owned() }
    }
}

fn devices(system: &dyn System) -> Vec<Usb> {
    let names = system.names(Path::new(USB)).unwrap_or_default();
    let is_reader = |device: &str| {
        names.iter().filter(|name| name.split_once(':').is_some_and(|(of, _)| of == device)).any(
            |interface| attribute(system, interface, "bInterfaceClass").is_some_and(|class| class == CLASS),
        )
    };
    let usb = |device: &String| {
        let id = |file| u16::from_str_radix(&attribute(system, device, file)?, 16).ok();
        let (vendor, product) = (id("idVendor")?, id("idProduct")?);
        is_reader(device).then(|| {
            let name = attribute(system, device, "product").unwrap_or_default();
            Usb { vendor, product, name }
        })
    };
    names.iter().filter(|name| !name.contains(':')).filter_map(usb).collect()
}

fn attribute(system: &dyn System, device: &str, file: &str) -> Option<String> {
    text(system, Path::new(USB).join(device).join(file)).map(|value| value.trim().to_owned())
}

/// What one driver says it knows.
struct List {
    bundle: PathBuf,
    /// Where it is, at the end of all links: /etc/libccid_Info.plist on Debian.
    path: PathBuf,
    content: String,
}

/// Of every driver that pcscd finds.
fn lists(system: &dyn System) -> Vec<List> {
    let folders = libraries(system).into_iter().chain([PathBuf::from("/usr/local/lib")]);
    let bundles = folders.map(|folder| folder.join(BUNDLES)).flat_map(|folder| {
        let names = system.names(&folder).unwrap_or_default();
        names.into_iter().filter(|name| name.ends_with(".bundle")).map(move |name| folder.join(name))
    });
    let list = |bundle: PathBuf| {
        let path = system.real(&bundle.join(LIST)).ok()?;
        let content = text(system, &path)?;
        Some(List { bundle, path, content })
    };
    bundles.filter_map(list).collect()
}

impl List {
    fn is_of(&self, name: &str) -> bool {
        self.bundle.ends_with(name)
    }

    fn has(&self, device: &Usb) -> bool {
        let ids = |list| self.entries(list).map(number);
        ids(VENDORS).zip(ids(PRODUCTS)).any(|pair| pair == (Some(device.vendor), Some(device.product)))
    }

    /// The entries of one list.
    fn entries<'l>(&'l self, list: &str) -> impl Iterator<Item = &'l str> {
        let key = format!("<key>{list}</key>");
        let after = self.content.split_once(&key).map_or("", |(_, after)| after);
        let array = after.split_once("</array>").map_or("", |(array, _)| array);
        array.split("<string>").skip(1).filter_map(|entry| Some(entry.split_once("</string>")?.0))
    }

    /// Whether it can be added to line by line: each of the lists is there once, its beginning is on the line behind its
    /// name, and all are of one length.
    fn is_as_shipped(&self) -> bool {
        let lines: Vec<_> = self.content.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let begins = |list: &str| {
            let key = format!("<key>{list}</key>");
            let named = lines.iter().filter(|line| line.contains(&key)).count();
            named == 1 && lines.windows(2).any(|two| two == [&key[..], "<array>"])
        };
        let lengths = [VENDORS, PRODUCTS, NAMES].map(|list| self.entries(list).count());
        [VENDORS, PRODUCTS, NAMES].into_iter().all(begins)
            && lengths[0] == lengths[1]
            && lengths[1] == lengths[2]
    }
}

/// As pcscd reads ids: hexadecimal, with or without 0x.
fn number(id: &str) -> Option<u16> {
    let id = id.trim();
    let digits = id.strip_prefix("0x").or(id.strip_prefix("0X")).unwrap_or(id);
    u16::from_str_radix(digits, 16).ok()
}
