//! Browsers in a sandbox (snap, Flatpak): they see neither the module nor its registration on this machine.

use std::path::{Path, PathBuf};

use link::System;

use super::{
    Finding,
    paths::{home, is_there, quoted},
};

const SNAPS: [&str; 3] = ["firefox", "chromium", "thunderbird"];

const FLATPAKS: [&str; 8] = [
    "org.mozilla.firefox",
    "org.mozilla.Thunderbird",
    "org.mozilla.thunderbird",
    "org.chromium.Chromium",
    "com.google.Chrome",
    "com.brave.Browser",
    "com.microsoft.Edge",
    "io.gitlab.librewolf-community",
];

pub(super) fn examine(system: &dyn System, module: Option<&Path>) -> Vec<Finding> {
    let snaps = SNAPS.iter().filter(|name| is_there(system, Path::new("/snap").join(name)));
    let mut findings: Vec<_> = snaps.map(|name| snap(name)).collect();
    let apps: Vec<_> = [
        Some(PathBuf::from("/var/lib/flatpak/app")),
        home(system).map(|home| home.join(".local/share/flatpak/app")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let flatpaks =
        FLATPAKS.iter().filter(|name| apps.iter().any(|folder| is_there(system, folder.join(name))));
    findings.extend(flatpaks.map(|name| flatpak(name, module)));
    findings
}

/// A snap may load what is in it alone; some have OpenSC's module in them.
fn snap(name: &str) -> Finding {
    let what = format!(
        "{name} is installed as a snap, in a sandbox that loads no module of this machine; at best the OpenSC that is \
         inside of it sees the card"
    );
    let remedy = format!(
        "use a {name} that is no snap; or, where it has OpenSC inside: sudo snap connect {name}:pcscd, and load \
         /usr/lib/$(uname -m)-linux-gnu/opensc-pkcs11.so in its settings"
    );
    Finding::warning("sandbox", what, remedy)
}

/// The module stays outside, and its calls come in through a socket.
fn flatpak(name: &str, module: Option<&Path>) -> Finding {
    let what = format!(
        "{name} is installed as a Flatpak, in a sandbox that does not see this module; its calls can be let in through \
         a p11-kit server"
    );
    let module = module.map_or_else(|| "MODULE".to_owned(), quoted);
    let remedy = format!(
        "p11-kit server --name \"$XDG_RUNTIME_DIR/p11-kit/crescendo\" --provider {module} pkcs11: ; flatpak run \
         --filesystem=xdg-run/p11-kit --env=P11_KIT_SERVER_ADDRESS=unix:path=$XDG_RUNTIME_DIR/p11-kit/crescendo {name}; \
         and load p11-kit-client.so in its settings (docs/doctor.md)"
    );
    Finding::warning("sandbox", what, remedy)
}
