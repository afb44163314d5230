//! What a report says of the machine: versions, and where the module is registered. No program is run for it.

use std::{env, fs, path::Path};

use serde::Serialize;

/// Where p11-kit looks for modules.
const REGISTRATIONS: [&str; 2] = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];

#[derive(Serialize)]
pub(super) struct Machine {
    /// The version of this program.
    pub(super) crescendo: &'static str,
    /// As the distribution calls itself.
    pub(super) system: Option<String>,
    pub(super) kernel: String,
    /// Files of p11-kit that name the module.
    pub(super) registrations: Vec<String>,
    /// Settings of ours that are made in the environment; their values may be private.
    pub(super) settings: Vec<String>,
}

pub(super) fn here() -> Machine {
    let kernel = rustix::system::uname();
    let settings = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut settings: Vec<_> = settings.filter(|name| name.starts_with("CRESCENDO_")).collect();
    settings.sort();
    Machine {
        crescendo: env!("CARGO_PKG_VERSION"),
        system: fs::read_to_string("/etc/os-release").ok().and_then(|text| pretty_name(&text)),
        kernel: format!(
            "{} {} {}",
            kernel.sysname().to_string_lossy(),
            kernel.release().to_string_lossy(),
            kernel.machine().to_string_lossy()
        ),
        registrations: REGISTRATIONS.iter().flat_map(|folder| registrations(Path::new(folder))).collect(),
        settings,
    }
}

/// `PRETTY_NAME` of os-release(5).
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim_matches(['"', '\'']).to_owned())
}

fn registrations(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names_it =
        |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains("libcrescendo_pkcs11"));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| names_it(path));
    paths.map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_distribution() {
        let text = "NAME=\"X\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(pretty_name("NAME=x"), None);
    }
}
