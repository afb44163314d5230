//! fwupd: is it one that sees USB devices, and will it load our plugin? A plugin belongs to one exact version: fwupd looks
//! into a folder with its version in the name, and the plugin refuses versions that it does not know.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use link::System;

use super::{
    Finding,
    paths::{is_there, libraries, quoted},
};

/// How the files begin that fwupd would load as our plugin.
const PLUGIN: &str = "libfu_plugin_crescendo";

/// In the plugin's file: the versions it knows follow, with blanks in between, up to a semicolon.
const KNOWS: &[u8] = b"crescendo-fwupd knows fwupd ";

const QUIRKS: [&str; 3] = [
    "/usr/share/fwupd/quirks.d/crescendo.quirk",
    "/var/lib/fwupd/quirks.d/crescendo.quirk",
    "/usr/local/share/fwupd/quirks.d/crescendo.quirk",
];

/// A plugin is smaller; one built for debugging is not.
const LARGEST: usize = 64 << 20;

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of one version of fwupd.
struct Folder {
    path: PathBuf,
    version: String,
    /// fwupd itself is in it.
    lives: bool,
    plugins: Vec<PathBuf>,
}

pub(super) fn examine(system: &dyn System) -> Vec<Finding> {
    let folders = folders(system);
    let mut findings: Vec<_> =
        folders.iter().filter(|folder| !folder.lives && !folder.plugins.is_empty()).map(leftover).collect();
    let Some(fwupd) = folders.iter().find(|folder| folder.lives) else {
        let what = "fwupd is not installed; `crescendo firmware update` needs none";
        findings.push(Finding::skipped("fwupd", what));
        return findings;
    };
    findings.push(usb(system, fwupd));
    findings.push(plugin(system, fwupd));
    if !fwupd.plugins.is_empty() {
        findings.push(quirk(system));
    }
    findings
}

fn folders(system: &dyn System) -> Vec<Folder> {
    let all = libraries(system).into_iter().flat_map(|library| {
        let names = system.names(&library).unwrap_or_default();
        names.into_iter().filter_map(move |name| {
            let version = name.strip_prefix("fwupd-")?.to_owned();
            version.starts_with(|c: char| c.is_ascii_digit()).then(|| (library.join(&name), version))
        })
    });
    let folder = |(path, version): (PathBuf, String)| {
        let files = system.names(&path).unwrap_or_default();
        let plugins = files.iter().filter(|name| name.starts_with(PLUGIN) && name.ends_with(".so"));
        let plugins = plugins.map(|name| path.join(name)).collect();
        let lives = files.iter().any(|name| name == "libfwupdplugin.so");
        Folder { path, version, lives, plugins }
    };
    all.map(folder).collect()
}

fn leftover(folder: &Folder) -> Finding {
    let files: Vec<_> = folder.plugins.iter().map(quoted).collect();
    let what = format!(
        "fwupd {} is gone and its plugin is still there: an update of fwupd needs the plugin anew",
        folder.version
    );
    let remedy = format!("sudo rm {}; ./dev install", files.join(" "));
    Finding::warning("fwupd-plugin", what, remedy)
}

/// With libusb before 1.0.27, fwupd's udev backend finds its netlink address taken and drops all USB and hidraw devices;
/// fwupd 2.0.21 and 2.1.5 take theirs first (fwupd issue 8083, pull request 10422).
fn usb(system: &dyn System, fwupd: &Folder) -> Finding {
    let version = &fwupd.version;
    let is_old = match numbers(version) {
        Some([2, 0, patch]) => patch < 21,
        Some([2, 1, patch]) => patch < 5,
        _ => false,
    };
    if !is_old {
        return Finding::ok("fwupd", format!("fwupd {version} is installed"));
    }
    match libusb(system) {
        Some(minor) if minor < LIBUSB_1_0_27 => {
            let what = format!(
                "fwupd {version} with libusb before 1.0.27: its daemon sees no USB device at all, keys included"
            );
            let remedy = "crescendo firmware update IMAGE  # until fwupd is 2.0.21 or 2.1.5, or libusb 1.0.27 (as in \
                          Debian 13)";
            Finding::problem("fwupd", what, remedy)
        }
        Some(_) => {
            Finding::ok("fwupd", format!("fwupd {version} is installed, with a libusb that lets it work"))
        }
        None => Finding::ok("fwupd", format!("fwupd {version} is installed; libusb was not found")),
    }
}

/// The second number of `libusb-1.0.so.0.N.0`: 3 up to 1.0.26, 4 from 1.0.27 on.
const LIBUSB_1_0_27: u32 = 4;

fn libusb(system: &dyn System) -> Option<u32> {
    let library = libraries(system).into_iter().map(|folder| folder.join("libusb-1.0.so.0"));
    let real = library.into_iter().find_map(|library| system.real(&library).ok())?;
    let name = real.file_name()?.to_str()?.strip_prefix("libusb-1.0.so.0.")?;
    name.split('.').next()?.parse().ok()
}

fn plugin(system: &dyn System, fwupd: &Folder) -> Finding {
    let version = &fwupd.version;
    let plugin = match &fwupd.plugins[..] {
        [] => {
            let what = "the plugin is not installed: fwupdmgr does not know these keys";
            return Finding::warning("fwupd-plugin", what, "./dev install");
        }
        [plugin] => plugin,
        [_, others @ ..] => {
            let others: Vec<_> = others.iter().map(quoted).collect();
            let what = format!("the plugin is installed more than once in {}", fwupd.path.display());
            return Finding::problem("fwupd-plugin", what, format!("sudo rm {}", others.join(" ")));
        }
    };
    let name = plugin.display();
    match system.read(plugin, LARGEST) {
        Err(error) => {
            let what = format!("{name} cannot be read: {error}");
            Finding::problem("fwupd-plugin", what, format!("sudo chmod 644 {}", quoted(plugin)))
        }
        Ok(file) => match known(&file) {
            None => {
                let what = format!("{name} is not this project's plugin, or not whole");
                Finding::problem("fwupd-plugin", what, "./dev install")
            }
            Some(versions) if !versions.contains(version) => {
                let what =
                    format!("the plugin refuses fwupd {version}: it knows {} alone", versions.join(", "));
                let remedy =
                    "crescendo firmware update IMAGE  # until there is a plugin for it: docs/fleets.md";
                Finding::problem("fwupd-plugin", what, remedy)
            }
            Some(_) => tried(system, version),
        },
    }
}

/// The versions of fwupd that a plugin says it knows.
fn known(file: &[u8]) -> Option<Vec<String>> {
    let start = file.windows(KNOWS.len()).position(|part| part == KNOWS)? + KNOWS.len();
    let length = file[start..].iter().take(200).position(|byte| *byte == b';')?;
    let list = std::str::from_utf8(&file[start..start + length]).ok()?;
    Some(list.split(' ').map(str::to_owned).collect())
}

/// Has fwupd load it, without its daemon.
fn tried(system: &dyn System, version: &str) -> Finding {
    let arguments = ["get-plugins", "--plugins", "crescendo", "--json"];
    let Ok(ran) = system.run(Path::new("fwupdtool"), &arguments, PATIENCE) else {
        return Finding::ok("fwupd-plugin", format!("the plugin is for fwupd {version}; it was not tried"));
    };
    let listed = ran
        .out
        .split("\"Name\"")
        .find(|part| part.trim_start_matches([' ', ':']).starts_with("\"crescendo\""));
    let has = |flag: &str| listed.is_some_and(|listed| listed.contains(&format!("\"{flag}\"")));
    if listed.is_some() && !has("disabled") && !has("failed-open") {
        return Finding::ok("fwupd-plugin", format!("fwupd {version} loads the plugin"));
    }
    if ran.out.contains("\"Error\"") || listed.is_none() && ran.status != Some(0) {
        return Finding::ok(
            "fwupd-plugin",
            format!("the plugin is for fwupd {version}; it could not be tried"),
        );
    }
    let why = ran.err.lines().find(|line| line.contains("crescendo")).unwrap_or("it does not say why").trim();
    let what = format!("fwupd {version} does not load the plugin: {why}");
    Finding::problem(
        "fwupd-plugin",
        what,
        "./dev install; fwupdtool get-plugins --plugins crescendo --verbose",
    )
}

fn quirk(system: &dyn System) -> Finding {
    let there: Vec<_> = QUIRKS.iter().filter(|file| is_there(system, file)).collect();
    match there[..] {
        [] => {
            let what = "the plugin's quirk file is missing: fwupd does not give it any device";
            Finding::problem("fwupd-quirk", what, "./dev install")
        }
        [one] => Finding::ok("fwupd-quirk", format!("{one} gives the plugin its devices")),
        [_, other, ..] => {
            let what = "the plugin's quirk file is installed more than once";
            Finding::warning("fwupd-quirk", what, format!("sudo rm {other}"))
        }
    }
}

fn numbers(version: &str) -> Option<[u32; 3]> {
    let numbers: Option<Vec<_>> = version.split('.').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_knows_is_in_its_file() {
        let file = b"\x7fELF...crescendo-fwupd knows fwupd 2.0.20 2.0.21; see\0...";
        assert_eq!(known(file).unwrap(), ["2.0.20", "2.0.21"]);
        for other in [&b"\x7fELF"[..], b"crescendo-fwupd knows fwupd ", b"crescendo-fwupd knows fwupd \xff;"]
        {
            assert_eq!(known(other), None);
        }
        assert_eq!(known(&[b"crescendo-fwupd knows fwupd ", &[b'2'; 300][..], b";"].concat()), None);
    }
}
