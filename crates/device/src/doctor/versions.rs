//! What is installed here that a card's or a key's answer passes through, by version.

use std::{path::Path, time::Duration};

use link::System;

use super::paths::text;

/// Packages of Debian and what is made of it. Of others nobody is asked.
const PACKAGES: [&str; 15] = [
    "chromium",
    "firefox",
    "firefox-esr",
    "fwupd",
    "libccid",
    "libnss3",
    "libpcsclite1",
    "libusb-1.0-0",
    "opensc-pkcs11",
    "openssh-client",
    "p11-kit",
    "pcscd",
    "polkitd",
    "thunderbird",
    "udev",
];

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn of(system: &dyn System) -> Vec<(String, String)> {
    let mut versions = vec![("crescendo".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let release = text(system, "/etc/os-release");
    let pretty = release.as_deref().and_then(|release| {
        release.lines().find_map(|line| Some(line.strip_prefix("PRETTY_NAME=")?.trim_matches('"').to_owned()))
    });
    versions.extend(pretty.map(|name| ("system".to_owned(), name)));
    let kernel = text(system, "/proc/sys/kernel/osrelease");
    versions.extend(kernel.map(|release| ("kernel".to_owned(), release.trim().to_owned())));
    versions.extend(packages(system));
    versions
}

fn packages(system: &dyn System) -> Vec<(String, String)> {
    let format = "${db:Status-Status} ${Package} ${Version}\\n";
    let arguments: Vec<_> = ["-W", "-f", format].into_iter().chain(PACKAGES).collect();
    // It fails where one of them is missing, and tells of the others all the same.
    let Ok(ran) = system.run(Path::new("dpkg-query"), &arguments, PATIENCE) else { return Vec::new() };
    let installed = ran.out.lines().filter_map(|line| line.strip_prefix("installed ")?.split_once(' '));
    installed.map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}
