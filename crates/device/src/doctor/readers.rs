//! The reader service, the readers, and the cards in them; and what is kept of those.

use std::{io, path::PathBuf};

use link::{LinkError, System};
use piv::PinState;

use super::{
    Doctor, Finding, Verdict, driver,
    paths::{first_there, is_there, libraries, quoted, text},
};
use crate::{Device, Error, State, firmware};

/// Where libpcsclite looks for pcscd, if PCSCLITE_CSOCK_NAME does not say otherwise.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// What polkit lets decide about, in pcscd's words.
const POLKIT_ACTIONS: &str = "org.debian.pcsc-lite.";

impl Doctor<'_> {
    pub(super) fn examine_readers(&self) -> Vec<Finding> {
        let mut devices = match self.devices.cards() {
            Err(error) => {
                let mut findings = vec![no_service(self.system, &error)];
                findings.extend(driver::examine(self.system, &[]));
                return findings;
            }
            Ok(devices) => devices,
        };
        let mut findings = vec![Finding::ok("pcscd", "the reader service (pcscd) answers")];
        let readers: Vec<_> = devices.iter().map(|device| device.reader().to_owned()).collect();
        let on_usb = driver::examine(self.system, &readers);
        let is_explained = on_usb.iter().any(|finding| finding.verdict == Verdict::Problem);
        if devices.is_empty() && !is_explained {
            findings.push(no_reader(self.system));
        }
        findings.extend(on_usb);
        findings.extend(devices.iter_mut().map(|device| reader(self.system, device)));
        findings
    }

    pub(super) fn examine_cache(&self) -> Vec<Finding> {
        vec![match &self.cache_folder {
            Some(folder) => {
                let kept = self.cache.list();
                let size: u64 = kept.iter().map(|kept| kept.size).sum();
                Finding::ok(
                    "cache",
                    format!(
                        "what is read of cards is kept in {}: {} cards, {} kB",
                        folder.display(),
                        kept.len(),
                        size / 1000
                    ),
                )
            }
            None => no_cache(self.system),
        }]
    }
}

fn no_cache(system: &dyn System) -> Finding {
    let off = system.variable("CRESCENDO_CACHE").is_some_and(|set| set.eq_ignore_ascii_case("off"));
    if off {
        let what =
            "nothing is kept of cards between runs: each program reads them anew (CRESCENDO_CACHE=off)";
        return Finding::warning("cache", what, "unset CRESCENDO_CACHE");
    }
    let place = system.variable("XDG_CACHE_HOME").map(PathBuf::from);
    let place = place.or_else(|| Some(super::paths::home(system)?.join(".cache")));
    match place {
        Some(place) => {
            let folder = place.join("crescendo");
            let remedy = format!(
                "ls -ld {0} {1}; sudo chown -R \"$(id -u):$(id -g)\" {1}; chmod 700 {1}",
                quoted(&place),
                quoted(&folder)
            );
            let what = format!(
                "nothing is kept of cards between runs: {} is not this user's alone, or cannot be made",
                folder.display()
            );
            Finding::warning("cache", what, remedy)
        }
        None => {
            let what = "nothing is kept of cards between runs: this user has no home";
            Finding::warning("cache", what, "set HOME, or CACHE_DIRECTORY for a service (systemd.exec(5))")
        }
    }
}

fn no_service(system: &dyn System, error: &Error) -> Finding {
    let Error::Link(link) = error else { return failed(error) };
    match link {
        LinkError::NoService => silent_service(system),
        link if is_refusal(link) => refused(system, "the reader service (pcscd)"),
        _ => failed(error),
    }
}

fn failed(error: &Error) -> Finding {
    Finding::problem("pcscd", format!("the reader service (pcscd) fails: {error}"), restart())
}

fn restart() -> String {
    "sudo systemctl restart pcscd; journalctl -u pcscd --since -5min".to_owned()
}

/// Whether polkit keeps this user from it.
fn is_refusal(error: &LinkError) -> bool {
    let LinkError::Other(error) = error else { return false };
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Why nobody answers where pcscd should.
fn silent_service(system: &dyn System) -> Finding {
    let named = system.variable("PCSCLITE_CSOCK_NAME");
    let socket = PathBuf::from(named.clone().unwrap_or_else(|| SOCKET.to_owned()));
    let at = socket.display();
    let answer = system.listens(&socket);
    if let (Some(_), Err(error)) = (&named, &answer) {
        let what = format!("PCSCLITE_CSOCK_NAME leads to {at}, where no reader service answers: {error}");
        return Finding::problem("pcscd", what, "unset PCSCLITE_CSOCK_NAME");
    }
    let programs = ["/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/local/sbin/pcscd"].map(PathBuf::from);
    let has_systemd = is_there(system, "/run/systemd/system");
    let start = if has_systemd { "sudo systemctl enable --now pcscd.socket" } else { "sudo pcscd" };
    match answer {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let what = format!("this user may not reach the socket of the reader service, {at}");
            Finding::problem("pcscd", what, "sudo systemctl restart pcscd.socket")
        }
        Err(_) if first_there(system, programs).is_none() => {
            let what = "the reader service (pcscd) is not installed";
            Finding::problem("pcscd", what, format!("sudo apt install pcscd libccid; {start}"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::problem("pcscd", format!("the reader service (pcscd) does not run: no {at}"), start)
        }
        Err(_) => {
            let what = format!("the reader service (pcscd) has ended: nobody listens at {at}");
            let again = if has_systemd { "sudo systemctl restart pcscd.socket" } else { start };
            Finding::problem("pcscd", what, again)
        }
        Ok(()) => {
            let what = format!("somebody listens at {at} and does not answer as this machine's pcscd would");
            Finding::problem("pcscd", what, restart())
        }
    }
}

/// polkit lets in who sits at the machine; over ssh, and in services, somebody has to say so.
fn refused(system: &dyn System, what: &str) -> Finding {
    let why = match session(system) {
        Some(why) => format!(": {why}, and polkit lets in who sits at the machine alone"),
        None => " (polkit)".to_owned(),
    };
    let user = user_name(system).unwrap_or_else(|| "NAME".to_owned());
    let rule = format!(
        "polkit.addRule(function(action, subject) {{ if (action.id.indexOf(\"{POLKIT_ACTIONS}\") == 0 && \
         subject.user == \"{user}\") return polkit.Result.YES; }});"
    );
    let file = "/etc/polkit-1/rules.d/30-pcsc.rules";
    let remedy = format!("echo '{rule}' | sudo tee {file}");
    Finding::problem("pcscd", format!("this user may not use {what}{why}"), remedy)
}

/// What is unusual about this login session, if anything is.
fn session(system: &dyn System) -> Option<&'static str> {
    if system.variable("SSH_CONNECTION").is_some() || system.variable("SSH_CLIENT").is_some() {
        return Some("this is a session over ssh");
    }
    let Some(id) = system.variable("XDG_SESSION_ID") else { return Some("this is no login session") };
    let facts = text(system, PathBuf::from("/run/systemd/sessions").join(id))?;
    let says = |fact: &str| facts.lines().any(|line| line == fact);
    if says("REMOTE=1") {
        Some("this is a session from afar")
    } else if says("ACTIVE=0") {
        Some("this session is not the one on the screen")
    } else {
        None
    }
}

fn user_name(system: &dyn System) -> Option<String> {
    let user = system.user().to_string();
    let users = text(system, "/etc/passwd")?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| (fields.get(2) == Some(&&user[..])).then(|| fields[0].to_owned()))
}

fn no_reader(system: &dyn System) -> Finding {
    let drivers = libraries(system).into_iter().chain([PathBuf::from("/usr/local/lib")]);
    let mut drivers = drivers.map(|folder| folder.join("pcsc/drivers/ifd-ccid.bundle"));
    if drivers.any(|driver| is_there(system, driver)) {
        let what = "no reader and no key with a card in it is connected";
        return Finding::warning("reader", what, "plug in a key, or a reader");
    }
    let what = "no reader is seen, and the driver for USB readers and keys (CCID) is not installed";
    Finding::problem("reader", what, "sudo apt install libccid; sudo systemctl restart pcscd")
}

/// One reader and what is in it. FIDO is asked for only where nobody is logged in.
fn reader(system: &dyn System, device: &mut Device) -> Finding {
    let atr: String = device.atr().unwrap_or_default().iter().map(|byte| format!("{byte:02X}")).collect();
    device.load();
    let at = device.reader().to_owned();
    let what = format!("{at}: {}, ATR {atr}", device.name());
    let which = format!("--device {}", quoted(&at));
    match device.state() {
        State::Empty | State::Key => Finding::ok("reader", format!("{at}: no card, or none that answers")),
        State::NotPiv => {
            let remedy = "opensc-tool --name  # may know it; this program is for PIV cards";
            Finding::warning("reader", format!("{what}: no PIV application"), remedy)
        }
        State::Unreadable(piv::Error::Link(LinkError::Busy)) => {
            let what = format!("{what}: another program holds it for itself alone");
            Finding::problem("reader", what, "gpgconf --kill scdaemon")
        }
        State::Unreadable(piv::Error::Link(error)) if is_refusal(error) => {
            refused(system, &format!("the card in {at}"))
        }
        State::Unreadable(error) => {
            let remedy = format!("crescendo info {which}  # after it was taken out and put back");
            Finding::problem("reader", format!("{what}: it cannot be read: {error}"), remedy)
        }
        State::Factory => {
            let what = format!("{what}: PIV{}; in factory state", fido(device));
            Finding::warning(
                "reader",
                what,
                format!("crescendo personalize {which}  # or whoever issues it does"),
            )
        }
        State::Unread | State::Recognised | State::OtherPiv => {
            let applications = format!("{what}: PIV{}", fido(device));
            pin(device, applications, &which)
        }
    }
}

fn fido(device: &Device) -> &'static str {
    match firmware::card(device).map(|card| card.firmware) {
        None => ", no FIDO",
        Some(firmware::Firmware::Silent(_)) => ", FIDO not asked for",
        Some(_) => ", FIDO",
    }
}

fn pin(device: &mut Device, what: String, which: &str) -> Finding {
    match device.pin_state() {
        Ok(PinState::Blocked) => {
            let remedy = format!("crescendo pin unblock {which}  # with the PUK, or --help-desk");
            Finding::problem("reader", format!("{what}; its PIN is blocked"), remedy)
        }
        Ok(PinState::Tries(1)) => {
            let remedy =
                format!("crescendo info {which}  # shows the tries; be sure of the PIN before you enter it");
            Finding::warning("reader", format!("{what}; its PIN has one try left"), remedy)
        }
        Ok(_) => Finding::ok("reader", what),
        Err(error) => {
            let remedy = format!("crescendo info {which}  # after it was taken out and put back");
            Finding::problem("reader", format!("{what}; {error}"), remedy)
        }
    }
}
