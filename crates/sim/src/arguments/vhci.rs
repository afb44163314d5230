//! The switches of `crescendo-sim vhci`: where the key is plugged in, and what it is made as.

use crescendo_sim::key::{Button, Draft, Profile, Version};

use super::{CardArguments, guid};

#[derive(clap::Args)]
pub(crate) struct VhciArguments {
    /// The port of the virtual host controller: the first free one if none is given.
    #[arg(long)]
    pub(crate) port: Option<u32>,
    /// The serial number, 32 hexadecimal digits.
    #[arg(long, value_name = "HEX", value_parser = guid)]
    serial: Option<[u8; 16]>,
    /// Its firmware, such as 1.2.3+4, or none: it comes up in update mode.
    #[arg(long, value_name = "VERSION", value_parser = firmware)]
    firmware: Option<Firmware>,
    /// Its security counter, and that of its firmware.
    #[arg(long, default_value_t = 1)]
    counter: u32,
    /// What the person does when the key asks: press, after three KEEPALIVEs; ignore or manual: nothing.
    #[arg(long, default_value = "press", value_parser = button)]
    pub(crate) button: Button,
    #[command(flatten)]
    pub(crate) card: CardArguments,
}

/// By another name, or clap would take the inner option for a switch without value.
type Firmware = Option<Version>;

impl VhciArguments {
    /// The key that was asked for.
    pub(crate) fn profile(&self) -> Profile {
        let usual = Profile::reference(1);
        let version = self.firmware.unwrap_or(Some(Version::new(1, 0, 0, 0)));
        let build = |version| Draft::new(version).payload(8 * 1024).counter(self.counter).build();
        let serial = self.serial.unwrap_or(usual.serial);
        let made =
            Profile { counter: self.counter, firmware: version.map(build).unwrap_or_default(), ..usual };
        made.with_serial(serial).for_a_slow_host()
    }
}

fn button(text: &str) -> Result<Button, String> {
    match text {
        "press" => Ok(Button::PressAfter(3)),
        "ignore" | "manual" => Ok(Button::Never),
        _ => Err("press, ignore or manual".into()),
    }
}

fn firmware(text: &str) -> Result<Firmware, String> {
    if text == "none" {
        return Ok(None);
    }
    version(text).map(Some).ok_or_else(|| format!("no version {text}: major.minor.revision+build, or none"))
}

fn version(text: &str) -> Option<Version> {
    let (numbers, build) = text.split_once('+').unwrap_or((text, "0"));
    let mut numbers = numbers.split('.');
    let (major, minor, revision) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let last = numbers.next().is_none();
    let version =
        Version::new(major.parse().ok()?, minor.parse().ok()?, revision.parse().ok()?, build.parse().ok()?);
    last.then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};
    use crescendo_sim::fixture;

    fn profile(line: &str) -> Result<Profile, clap::Error> {
        let command = VhciArguments::augment_args(clap::Command::new("vhci").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        Ok(VhciArguments::from_arg_matches(&matches)?.profile())
    }

    #[test]
    fn a_key_is_made_as_the_switches_say() {
        let usual = profile("").unwrap();
        assert_eq!(usual.serial, Profile::reference(1).serial);
        assert_eq!(usual.firmware, Profile::reference(1).firmware);
        let other =
            profile("--serial C5000000000000000000000000000042 --firmware 2.3.4+5 --counter 7").unwrap();
        assert_eq!((other.serial[15], other.counter), (0x42, 7));
        assert_eq!(other.usb_serial.as_deref(), Some("C5000000000000000000000000000042"));
        assert!(profile("--firmware none").unwrap().firmware.is_empty());
        assert!(profile("--retired 3 --port 2").is_ok() && fixture::retired(3).is_some());
        for wrong in ["--firmware 1.2", "--firmware 1.2.3.4", "--serial C5", "--button twice"] {
            assert!(profile(wrong).is_err(), "{wrong}");
        }
    }
}
