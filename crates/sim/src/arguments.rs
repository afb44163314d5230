//! The switches that describe a card, and those of the subcommands that have one.

mod contactless;
mod rights;
mod vhci;
mod vpcd;

use std::fs::File;
use std::io;
use std::path::PathBuf;

use crescendo_sim::fixture::{self, Algorithm};
use crescendo_sim::{Interface, Latency, Personality, Profile, Properties, SimCard};

use contactless::Contactless;
use rights::Rights;
pub(crate) use vhci::VhciArguments;
pub(crate) use vpcd::VpcdArguments;

/// Who the card is, and how it is looked at.
#[derive(clap::Args)]
pub(crate) struct CardArguments {
    /// key-v3, c2300, c2300-key, piv, piv-dual or piv-extended.
    #[arg(long, default_value = "key-v3")]
    profile: Profile,
    /// As delivered: no keys, no objects, the factory PIN.
    #[arg(long)]
    blank: bool,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    secrets: Secrets,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    manners: Manners,
    #[command(flatten)]
    contactless: Contactless,
    /// How long APDUs take: none, contact, usb or contactless.
    #[arg(long, default_value = "none")]
    latency: Latency,
    /// Private operations take as long as on a chip.
    #[arg(long)]
    key_time: bool,
    /// Writes every APDU there.
    #[arg(long)]
    log: Option<PathBuf>,
    /// Takes commands on this socket.
    #[arg(long)]
    pub(crate) control: Option<PathBuf>,
    /// The card is not in the reader at first.
    #[arg(long)]
    absent: bool,
}

/// Keys and containers.
#[derive(clap::Args)]
struct Content {
    /// How many retired keys there are.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=20))]
    retired: u8,
    /// How many more there are whose certificates are elsewhere: the highest references.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=20))]
    off_card: u8,
    /// A key of another kind than usual, or none: 9A=rsa-3072, 9D=none. The kinds are rsa-2048, rsa-3072, rsa-4096,
    /// p-256, p-384; the references 9A, 9C, 9D, 9E, 82 to 95. As often as needed.
    #[arg(long = "key", value_name = "KEY=KIND", value_parser = key)]
    keys: Vec<(u8, Option<Algorithm>)>,
    /// Certificates are stored as gzip.
    #[arg(long)]
    compressed: bool,
    /// The certificate container of this key holds bytes that are no certificate. As often as needed.
    #[arg(long, value_name = "KEY", value_parser = reference)]
    garbage: Vec<u8>,
    /// A container that answers GET DATA with this status word every time: 5FC10A=6F00. As often as needed.
    #[arg(long = "refuse", value_name = "TAG=SW", value_parser = refusal)]
    refused: Vec<(u32, u16)>,
    /// The card UUID, 32 hexadecimal digits.
    #[arg(long, value_parser = guid)]
    guid: Option<[u8; 16]>,
    /// There is no CHUID.
    #[arg(long)]
    no_chuid: bool,
    /// There is no Key History.
    #[arg(long, conflicts_with_all = ["key_history", "history_url"])]
    no_key_history: bool,
    /// The Key History claims so many keys on the card, whatever there are.
    #[arg(long, value_name = "N")]
    key_history: Option<u8>,
    /// The URL in the Key History, instead of a true one where certificates are elsewhere.
    #[arg(long, value_name = "URL", value_parser = url)]
    history_url: Option<String>,
    /// There is a FIDO application (a Crescendo has one anyway).
    #[arg(long, conflicts_with = "no_fido")]
    fido: bool,
    /// There is no FIDO application (Crescendo).
    #[arg(long)]
    no_fido: bool,
}

/// PINs.
#[derive(clap::Args)]
struct Secrets {
    /// The PIN, 6 to 8 digits.
    #[arg(long, value_parser = digits)]
    pin: Option<String>,
    /// The PUK, 8 digits; `none` for a card without.
    #[arg(long)]
    puk: Option<String>,
    /// The PIN usage policy of the Discovery object, 4 hexadecimal digits: 6020. Without: 6010 with a global PIN, else
    /// 4000 on piv and no Discovery object on key-v3; and the bits of --vci.
    #[arg(long, value_parser = policy)]
    policy: Option<[u8; 2]>,
    /// The global PIN, 6 to 8 digits, with 5 tries of its own; absent if the policy does not let it be used.
    #[arg(long, value_name = "PIN", value_parser = digits)]
    global_pin: Option<String>,
}

/// How it speaks.
#[derive(clap::Args)]
struct Manners {
    /// Takes extended APDUs.
    #[arg(long)]
    extended: bool,
    /// Does not say so.
    #[arg(long, requires = "extended")]
    unannounced: bool,
    /// Answers SELECT with a label, as the 2300 family does anyway (key-v3).
    #[arg(long)]
    label: bool,
    /// Does not know VERIFY with P1 = FF (Crescendo).
    #[arg(long)]
    no_clear: bool,
    /// How PROPERTIES is worded: bare or wrapped (key-v3).
    #[arg(long, default_value = "bare")]
    props: Properties,
    /// The chip's serial number, 8 hexadecimal digits (Crescendo, piv-extended).
    #[arg(long, value_name = "HEX", value_parser = ic_serial)]
    ic_serial: Option<u32>,
    /// A chip type with letters in it, so that no decimal serial number can be made (Crescendo).
    #[arg(long)]
    hex_cplc: bool,
}

impl CardArguments {
    /// The card, ready to be used.
    pub(crate) fn card(&self) -> io::Result<SimCard> {
        let card = SimCard::new(self.personality());
        if let Some(path) = &self.log {
            card.log_to(Box::new(File::create(path)?));
        }
        card.set_latency(self.latency);
        card.set_key_time(self.key_time);
        card.set_interface(if self.contactless.begins { Interface::Contactless } else { Interface::Contact });
        if self.absent {
            card.pull();
        }
        Ok(card)
    }

    /// The card that was asked for.
    fn personality(&self) -> Personality {
        let base = match (self.profile, self.blank) {
            (Profile::KeyV3, true) => Personality::blank_key_v3(),
            (Profile::KeyV3, false) => Personality::key_v3(),
            (Profile::C2300, true) => Personality::c2300().as_delivered(),
            (Profile::C2300, false) => Personality::c2300(),
            (Profile::C2300Key, true) => Personality::c2300_key().as_delivered(),
            (Profile::C2300Key, false) => Personality::c2300_key(),
            (Profile::Piv, blank) => Personality { blank, ..Personality::piv() },
            (Profile::PivDual, blank) => Personality { blank, ..Personality::piv_dual() },
            (Profile::PivExtended, blank) => Personality { blank, ..Personality::piv_extended() },
        };
        self.contactless.of(self.manners.of(self.rights.of(self.secrets.of(self.content.of(base)))))
    }
}

impl Content {
    fn of(&self, base: Personality) -> Personality {
        Personality {
            retired: self.retired,
            off_card: self.off_card,
            keys: self.keys.iter().copied().collect(),
            compressed: self.compressed,
            garbage: self.garbage.iter().copied().collect(),
            refused: self.refused.iter().copied().collect(),
            guid: self.guid.unwrap_or(base.guid),
            no_chuid: self.no_chuid,
            no_key_history: self.no_key_history,
            key_history: self.key_history,
            history_url: self.history_url.clone(),
            fido: (base.fido || self.fido) && !self.no_fido,
            ..base
        }
    }
}

impl Secrets {
    fn of(&self, base: Personality) -> Personality {
        let puk = match self.puk.as_deref() {
            None => base.puk.clone(),
            Some("none") => None,
            Some(puk) => Some(puk.into()),
        };
        let pin = self.pin.clone().unwrap_or_else(|| base.pin.clone());
        Personality { pin, puk, policy: self.policy, global_pin: self.global_pin.clone(), ..base }
    }
}

impl Manners {
    fn of(&self, base: Personality) -> Personality {
        Personality {
            extended: self.extended,
            unannounced: self.unannounced,
            label: self.label,
            no_clear: self.no_clear,
            properties: self.props,
            ic_serial: self.ic_serial.unwrap_or(base.ic_serial),
            hex_cplc: self.hex_cplc,
            ..base
        }
    }
}

fn key(text: &str) -> Result<(u8, Option<Algorithm>), String> {
    let (key, kind) = text.split_once('=').ok_or("KEY=KIND")?;
    let kind = if kind == "none" { None } else { Some(kind.parse()?) };
    Ok((reference(key)?, kind))
}

fn reference(text: &str) -> Result<u8, String> {
    let number = u8::from_str_radix(text, 16).ok();
    let known = number.filter(|key| fixture::fitting(*key, Algorithm::P256).is_some());
    known.ok_or_else(|| format!("no key reference {text}: 9A, 9C, 9D, 9E, 82 to 95"))
}

fn refusal(text: &str) -> Result<(u32, u16), String> {
    let (tag, status) = text.split_once('=').ok_or("TAG=SW")?;
    let tag = u32::from_str_radix(tag, 16).map_err(|_| format!("no tag {tag}"))?;
    let status = u16::from_str_radix(status, 16).ok().filter(|_| status.len() == 4);
    Ok((tag, status.ok_or("a status word has 4 hexadecimal digits")?))
}

fn guid(text: &str) -> Result<[u8; 16], String> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32);
    number.map(u128::to_be_bytes).ok_or_else(|| "32 hexadecimal digits".into())
}

fn policy(text: &str) -> Result<[u8; 2], String> {
    let number = u16::from_str_radix(text, 16).ok().filter(|_| text.len() == 4);
    number.map(u16::to_be_bytes).ok_or_else(|| "4 hexadecimal digits".into())
}

fn ic_serial(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16)
        .ok()
        .filter(|_| text.len() == 8)
        .ok_or_else(|| "8 hexadecimal digits".into())
}

/// The field has room for 118 bytes; longer ones are no mistake of an issuer but of whoever calls.
fn url(text: &str) -> Result<String, String> {
    if text.len() <= 118 { Ok(text.into()) } else { Err("at most 118 bytes".into()) }
}

fn digits(text: &str) -> Result<String, String> {
    let fits = (6..=8).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    if fits { Ok(text.into()) } else { Err("6 to 8 digits".into()) }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use crescendo_sim::{
        AdministrationKey, Form, ManagementKey, SecureMessaging, Signer, Suite, Vci, administration_key,
    };

    use super::*;

    fn card(line: &str) -> Result<Personality, clap::Error> {
        let command = CardArguments::augment_args(clap::Command::new("vpcd").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        Ok(CardArguments::from_arg_matches(&matches)?.personality())
    }

    #[test]
    fn without_switches_a_card_is_as_its_profile_has_it() {
        assert_eq!(card("").unwrap(), Personality::key_v3());
        assert_eq!(card("--blank").unwrap(), Personality::blank_key_v3());
        assert_eq!(card("--profile piv").unwrap(), Personality::piv());
        assert_eq!(card("--profile piv-dual").unwrap(), Personality::piv_dual());
        assert_eq!(card("--profile c2300").unwrap(), Personality::c2300());
        assert_eq!(card("--profile c2300-key").unwrap(), Personality::c2300_key());
        assert_eq!(card("--profile c2300 --blank").unwrap(), Personality::c2300().as_delivered());
        assert_eq!(card("--profile piv-extended").unwrap(), Personality::piv_extended());
    }

    #[test]
    fn rights_are_fields_too() {
        let key = "00112233445566778899AABBCCDDEEFF";
        let expected = Personality {
            form: Form::Fips,
            managed: true,
            xauth: administration_key(key).unwrap(),
            management: ManagementKey::read(&format!("aes-128:{key}")).unwrap(),
            oath: true,
            fido_survives: true,
            ..Personality::key_v3()
        };
        let line = format!(
            "--form fips --managed --xauth {key} --management-key aes-128:{key} --oath --fido-survives"
        );
        assert_eq!(card(&line).unwrap(), expected);
        let without = card("--profile c2300 --form iclass --xauth none").unwrap();
        assert_eq!((without.form, without.xauth), (Form::Iclass, AdministrationKey::Absent));
    }

    #[test]
    fn every_switch_is_a_field() {
        let content = "--retired 3 --off-card 2 --key 9A=rsa-3072 --key 82=p-384 --key 9D=none --compressed \
            --garbage 9C --refuse 5FC10A=6F00 --no-chuid --key-history 9 --history-url http://h/00 --no-fido";
        let from_line = card(&format!("{content} --policy 6020 --global-pin 654321 --puk 12345678")).unwrap();
        let expected = Personality {
            retired: 3,
            off_card: 2,
            keys: [(0x9A, Some(Algorithm::Rsa3072)), (0x82, Some(Algorithm::P384)), (0x9D, None)].into(),
            compressed: true,
            garbage: [0x9C].into(),
            refused: [(0x5FC10A, 0x6F00)].into(),
            no_chuid: true,
            key_history: Some(9),
            history_url: Some("http://h/00".into()),
            fido: false,
            policy: Some([0x60, 0x20]),
            global_pin: Some("654321".into()),
            puk: Some("12345678".into()),
            ..Personality::key_v3()
        };
        assert_eq!(from_line, expected);

        let manners = "--extended --unannounced --label --no-clear --props wrapped --ic-serial 00000007 --hex-cplc --no-key-history";
        let expected = Personality {
            extended: true,
            unannounced: true,
            label: true,
            no_clear: true,
            properties: Properties::Wrapped,
            ic_serial: 7,
            hex_cplc: true,
            no_key_history: true,
            ..Personality::key_v3()
        };
        assert_eq!(card(manners).unwrap(), expected);

        let contactless = "--profile piv-dual --contactless --suite cs7 --vci open --signer intermediate \
            --pairing-code 00000005 --contact-tries 2 --strict-plain";
        let secure_messaging = SecureMessaging {
            suite: Some(Suite::Cs7),
            vci: Vci::Open,
            signer: Signer::Intermediate,
            pairing_code: "00000005".into(),
            contact_tries: 2,
            strict_plain: true,
        };
        assert_eq!(card(contactless).unwrap(), Personality { secure_messaging, ..Personality::piv_dual() });
        let with_fido = card("--profile piv --fido").unwrap();
        assert_eq!(with_fido, Personality { fido: true, ..Personality::piv() });
        let without = card("--profile piv-dual --suite none").unwrap();
        assert_eq!(without.secure_messaging.suite, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--key 9B=rsa-2048",
            "--key 9A=rsa-1024",
            "--key 9A",
            "--garbage 04",
            "--refuse 5FC10A=6F",
            "--policy 60",
            "--global-pin 12345",
            "--props other",
            "--form gold",
            "--xauth 00",
            "--management-key aes-128:00",
            "--suite cs3",
            "--vci no",
            "--signer me",
            "--pairing-code 1234567",
            "--no-key-history --key-history 3",
            "--fido --no-fido",
        ] {
            assert!(card(line).is_err(), "{line}");
        }
    }
}
