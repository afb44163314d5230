//! Security keys: who may open them, by which USB ids they are known in update mode, whose firmware is trusted, and how
//! their firmware is.

use std::path::{Path, PathBuf};

use ::firmware::Kind;
use link::{FileKind, HidDevice, System};

use super::{
    Doctor, Finding,
    paths::{first_there, is_there, quoted, text},
};
use crate::firmware::{
    Firmware, Info, Key, Mode, TrustError, TrustFiles, UPDATE_IDS, UpdateIds, UsbId, update_ids,
};

/// The rule that this project ships.
const RULE: &str = "70-crescendo.rules";

/// Where udev reads rules, the folder that counts most first (udev(7)).
const RULES: [&str; 5] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/local/lib/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

/// The usage page of update mode; other devices have it too.
const UPDATE_PAGE: u16 = 0xFFC0;

/// Permission to write for everybody.
const OTHERS_WRITE: u32 = 0o002;

impl Doctor<'_> {
    pub(super) fn examine_keys(&self) -> Vec<Finding> {
        let (ids, unreadable) = update_ids(self.system);
        let mut findings = vec![self.examine_rule()];
        findings.push(match unreadable {
            Some(error) => {
                let what = format!("{UPDATE_IDS} cannot be read: {error}");
                Finding::warning("update-ids", what, format!("sudo chmod 644 {UPDATE_IDS}"))
            }
            None => known_ids(&ids),
        });
        findings.push(trusted(self.system));
        match self.hid.list() {
            Err(error) => {
                let what = format!("the HID devices cannot be listed: {error}");
                findings.push(Finding::problem("key-access", what, "ls -l /sys/class/hidraw /dev/hidraw*"));
            }
            Ok(devices) => {
                let access = devices.iter().filter_map(|device| self.examine_access(device, &ids.ids));
                findings.extend(access);
            }
        }
        findings.extend(self.examine_firmware());
        findings
    }

    fn rule(&self) -> Option<PathBuf> {
        first_there(self.system, RULES.iter().map(|folder| Path::new(folder).join(RULE)))
    }

    fn examine_rule(&self) -> Finding {
        if !is_there(self.system, "/run/udev") {
            return Finding::skipped("udev-rule", "udev does not run here");
        }
        match self.rule() {
            Some(rule) => Finding::ok("udev-rule", format!("{} opens keys in update mode", rule.display())),
            None => {
                let what = "the udev rule is not installed: a key in update mode can be opened by root alone";
                Finding::warning("udev-rule", what, "./dev install")
            }
        }
    }

    /// Whether this user may open a device that is a key, or that may be one.
    fn examine_access(&self, device: &HidDevice, ids: &[UsbId]) -> Option<Finding> {
        let kind = Kind::of(device, ids);
        let (vendor, product) = (device.vendor, device.product);
        let what = match kind {
            Kind::Fido => format!("the FIDO key at {} ({vendor:04x}:{product:04x})", device.path),
            Kind::UpdateMode => {
                format!("the key in update mode at {} ({vendor:04x}:{product:04x})", device.path)
            }
            Kind::Foreign if device.usage_page == UPDATE_PAGE => {
                return Some(Finding::skipped("key-access", unknown(device)));
            }
            Kind::Foreign => return None,
        };
        let access = self.access(&device.path);
        let tagged = access.tagged || access.by_everybody;
        let may = self.system.may_write(Path::new(&device.path));
        Some(match (may, self.system.user()) {
            (true, 0) if !tagged => {
                let what = format!("{what} is open to root alone, which this is ({})", access.words);
                Finding::warning("key-access", what, self.missing_rule(kind))
            }
            (true, _) => Finding::ok("key-access", format!("{what} can be opened ({})", access.words)),
            (false, _) if tagged => {
                let what =
                    format!("{what} is open to whoever sits at the machine, which is not this session");
                let remedy = "sudo crescendo firmware info  # or log in at the machine itself";
                Finding::problem("key-access", format!("{what} ({})", access.words), remedy)
            }
            (false, _) => {
                let what = format!("this user may not open {what} ({})", access.words);
                Finding::problem("key-access", what, self.missing_rule(kind))
            }
        })
    }

    fn access(&self, path: &str) -> Access {
        let Ok(status) = self.system.status(Path::new(path)) else {
            let words = "it is not in /dev".to_owned();
            return Access { words, tagged: false, by_everybody: false };
        };
        let database = match status.kind {
            FileKind::Device(major, minor) => {
                text(self.system, format!("/run/udev/data/c{major}:{minor}")).unwrap_or_default()
            }
            _ => String::new(),
        };
        let tagged = database.lines().any(|line| line == "G:uaccess" || line == "Q:uaccess");
        let tag = if tagged { "uaccess" } else { "no uaccess" };
        let words =
            format!("owner {}, group {}, mode {:04o}, {tag}", status.owner, status.group, status.mode);
        Access { words, tagged, by_everybody: status.mode & OTHERS_WRITE != 0 }
    }

    /// Which rule of udev should have opened it.
    fn missing_rule(&self, kind: Kind) -> String {
        let trigger = "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=hidraw";
        match kind {
            _ if !is_there(self.system, "/run/udev") => {
                "sudo systemctl start systemd-udevd  # and plug the key in again".to_owned()
            }
            Kind::UpdateMode if self.rule().is_none() => format!("./dev install; {trigger}"),
            Kind::Fido if self.rule().is_none() && !self.has_fido_rule() => {
                "sudo apt install udev  # has 60-fido-id.rules; then plug the key in again".to_owned()
            }
            _ => format!("{trigger}  # or plug the key in again"),
        }
    }

    fn has_fido_rule(&self) -> bool {
        RULES.iter().any(|folder| is_there(self.system, Path::new(folder).join("60-fido-id.rules")))
    }

    fn examine_firmware(&self) -> Vec<Finding> {
        let (finished, keys) = match (self.keys.finish(), self.keys.list()) {
            (Ok(finished), Ok(keys)) => (finished, keys),
            // Told above, where they are listed for the first time.
            _ => return Vec::new(),
        };
        let confirmed = |info: &Info| {
            let what = format!("the update of {} to {} was finished just now", named(info), info.version);
            Finding::ok("firmware", what)
        };
        // One that this user may not open is told by its permissions.
        let asked = |key: &&Key| {
            let silent = matches!(key.firmware, Firmware::Silent(_));
            !silent || self.system.may_write(Path::new(&key.device.path))
        };
        finished.iter().map(confirmed).chain(keys.iter().filter(asked).map(firmware)).collect()
    }
}

struct Access {
    words: String,
    /// udev opens it to whoever has the active seat.
    tagged: bool,
    by_everybody: bool,
}

fn unknown(device: &HidDevice) -> String {
    let HidDevice { path, vendor, product, .. } = device;
    format!(
        "{path} ({vendor:04x}:{product:04x}) has the usage page of update mode, and its USB ids are not known: nothing is \
         sent to it. If it is a key of yours: echo {vendor:04x}:{product:04x} | sudo tee -a {UPDATE_IDS}"
    )
}

fn known_ids(ids: &UpdateIds) -> Finding {
    let list: Vec<_> =
        ids.ids.iter().map(|(vendor, product)| format!("{vendor:04x}:{product:04x}")).collect();
    let what = format!("keys in update mode are known by {}", list.join(", "));
    match &ids.bad_lines[..] {
        [] => Finding::ok("update-ids", what),
        lines => {
            let lines: Vec<_> = lines.iter().map(usize::to_string).collect();
            let remedy = format!("sudo editor {UPDATE_IDS}  # ids as in 1209:0002, one a line");
            let which = if lines.len() == 1 { "line" } else { "lines" };
            let what = format!("{UPDATE_IDS}: {which} {} not understood; {what}", lines.join(", "));
            Finding::warning("update-ids", what, remedy)
        }
    }
}

fn trusted(system: &dyn System) -> Finding {
    let files = match TrustFiles::read(system) {
        Ok(files) => files,
        Err(error) => return no_trust(&error),
    };
    let trust = match files.trust() {
        Ok(trust) => trust,
        Err(error) => return no_trust(&error),
    };
    let folder = files.folder.display();
    let valid = trust.keys().filter(|(_, revoked)| !revoked).count();
    let add = format!("sudo install -D -m 644 -t {} PUBLIC-KEY.pem", quoted(&files.folder));
    let open = |path: &Path| {
        system.status(path).is_ok_and(|status| {
            status.mode & OTHERS_WRITE != 0 || status.owner != 0 && status.owner != system.user()
        })
    };
    let paths = files.files.iter().map(|(name, _)| files.folder.join(name));
    if let Some(path) = [files.folder.clone()].into_iter().chain(paths).find(|path| open(path)) {
        let what = format!("{}: others can decide whose firmware is trusted", path.display());
        let path = quoted(path);
        let remedy = format!("ls -lR {path}; sudo chown root:root {path}; sudo chmod go-w {path}");
        return Finding::problem("trust", what, remedy);
    }
    match valid {
        0 if files.keys().next().is_none() => {
            let what = format!("nobody's firmware is trusted: no key in {folder}, as it is shipped");
            Finding::warning("trust", what, add)
        }
        few if few < trust.required() => {
            let what = format!(
                "no firmware can be trusted: {} different keys have to sign, and {few} in {folder} count",
                trust.required()
            );
            Finding::warning("trust", what, add)
        }
        some => {
            let what = format!(
                "firmware is trusted if {} of {some} keys in {folder} have signed it",
                trust.required()
            );
            Finding::ok("trust", what)
        }
    }
}

fn no_trust(error: &TrustError) -> Finding {
    let remedy = match error {
        TrustError::Unreadable(path, _) => format!("sudo chmod a+rX {}", quoted(path)),
        TrustError::Bad(path, _) => format!("sudo mv {0} {0}.bad", quoted(path)),
    };
    Finding::problem("trust", format!("nobody's firmware is trusted: {error}"), remedy)
}

fn firmware(key: &Key) -> Finding {
    let info = match &key.firmware {
        Firmware::Silent(why) => {
            let what = format!("{key} does not say what it is: {why}");
            return Finding::warning("firmware", what, "unplug it and plug it in again");
        }
        Firmware::NotSupported { .. } => {
            let what = format!("{key}: firmware update not supported by this program");
            return Finding::ok("firmware", what);
        }
        Firmware::Updatable(info) => info,
    };
    let (key, version) = (named(info), info.version);
    let update = format!("crescendo firmware update --device {} IMAGE", info.serial);
    if info.mode == Mode::Update {
        Finding::warning("firmware", format!("{key} is in update mode and does nothing else"), update)
    } else if info.unconfirmed {
        let what = format!("{key} runs {version} on trial, and goes back to what it had at its next start");
        Finding::warning("firmware", what, format!("{update}  # the same image, to keep it"))
    } else if info.interrupted {
        Finding::warning("firmware", format!("{key}: an update was begun and not finished"), update)
    } else {
        let what = format!("{key} runs {version}, security counter {}", info.counter);
        Finding::ok("firmware", what)
    }
}

fn named(info: &Info) -> String {
    format!("{}, serial {},", info.model, info.serial)
}
