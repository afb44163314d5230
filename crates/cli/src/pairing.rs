//! `crescendo pairing`: what makes a card work on contactless readers. Its code is asked for in a contact reader, or
//! entered; it is shown, copied, or kept for the login session, and forgotten.

pub(crate) mod clipboard;

use device::{Devices, Forgotten, Interface, Next, PairingCode, Retrieved, Signer};
use serde::Serialize;
use zeroize::Zeroizing;

use self::clipboard::{Desktop, Patience, lend};
use crate::{
    arguments::{Forget, Pairing, Retrieve, Set, Which},
    failure::Failure,
    output::{Output, Owner, plain, table},
    pin::entered,
    secret,
};

#[derive(Serialize)]
struct Told {
    device: Owner,
    /// Only where it is neither copied nor kept.
    code: Option<Zeroizing<String>>,
    cached: bool,
    copied: bool,
    /// Whether it was taken out of the clipboard again.
    cleared: Option<bool>,
    signer: &'static str,
    problem: Option<String>,
}

#[derive(Serialize)]
struct Kept {
    device: Owner,
    checked: bool,
}

#[derive(Serialize)]
struct Gone {
    device: Owner,
    forgotten: Parts,
}

#[derive(Serialize)]
struct Parts {
    code: bool,
    signer: bool,
}

#[derive(Serialize)]
struct Shown {
    device: Owner,
    pairing: Item,
}

#[derive(Serialize)]
struct Item {
    interface: &'static str,
    /// Why the card is not believed.
    problem: Option<String>,
    contactless: bool,
    vci: bool,
    suite: Option<&'static str>,
    wants_code: bool,
    kept: bool,
    learnt: bool,
    anchors: bool,
    first_use: bool,
    next: &'static str,
    advice: String,
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Pairing) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        Pairing::Retrieve(retrieve) => self::retrieve(output, devices, &retrieve),
        Pairing::Set(set) => self::set(output, devices, set),
        Pairing::Forget(forget) => self::forget(output, devices, &forget),
        Pairing::Status(which) => status(output, devices, &which),
    }
}

fn retrieve(output: &Output, devices: &Devices, asked: &Retrieve) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    device.demand_contact()?;
    // Before a PIN is asked for in vain.
    let desktop = asked.copy.then(Desktop::open).transpose()?;
    let pin = entered(&asked.pin, &mut device, "PIN")?;
    let Retrieved { code, signer } = device.retrieve_pairing_code(&pin)?;
    drop(pin);
    let mut told = told(Owner::of(&device), &signer);
    if !output.json {
        eprint!("{}", remark(&told, code.is_some()));
    }
    if let Some(code) = &code {
        if asked.cache {
            device.keep_pairing_code(code)?;
            told.cached = true;
        }
        if let Some(desktop) = desktop {
            told.cleared = Some(copy(output, desktop, &digits(code))?);
            told.copied = true;
        }
        told.code = (!asked.cache && !asked.copy).then(|| digits(code));
    }
    output.show(&told, || told_text(&told))
}

fn copy(output: &Output, mut desktop: Desktop, code: &str) -> Result<bool, Failure> {
    let patience = Patience::begin()?;
    lend(&mut desktop, code, || {
        if !output.json {
            eprintln!("The pairing code is in the clipboard, for 30 seconds or until Ctrl-C.");
        }
        patience.wait();
    })
}

fn set(output: &Output, devices: &Devices, asked: Set) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let code = secret::code(asked.code, &plain(device.name()))?;
    let checked = device.set_pairing_code(&code)?;
    let kept = Kept { device: Owner::of(&device), checked };
    output.show(&kept, || kept_text(&kept))
}

fn forget(output: &Output, devices: &Devices, asked: &Forget) -> Result<(), Failure> {
    let mut device = devices.select(asked.which.device.as_deref())?;
    let Forgotten { code, signer } = device.forget_pairing_code(asked.signer)?;
    let gone = Gone { device: Owner::of(&device), forgotten: Parts { code, signer } };
    output.show(&gone, || gone_text(&gone.forgotten, asked.signer))
}

fn status(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let mut device = devices.select(which.device.as_deref())?;
    let pairing = item(&device.pairing()?);
    let shown = Shown { device: Owner::of(&device), pairing };
    output.show(&shown, || shown_text(&shown))
}

fn digits(code: &PairingCode) -> Zeroizing<String> {
    Zeroizing::new(code.digits().iter().copied().map(char::from).collect())
}

fn told(device: Owner, signer: &Signer) -> Told {
    let (signer, problem) = match signer {
        Signer::Learnt => ("learnt", None),
        Signer::NotOffered => ("not-offered", None),
        Signer::NotKept => ("not-kept", None),
        Signer::Failed(error) => ("failed", Some(error.to_string())),
    };
    Told { device, code: None, cached: false, copied: false, cleared: None, signer, problem }
}

fn item(pairing: &device::Pairing) -> Item {
    let next = pairing.next();
    Item {
        interface: match pairing.interface {
            Interface::Contact => "contact",
            Interface::Plain => "plain",
            Interface::Closed => "closed",
            Interface::Unpaired => "unpaired",
            Interface::Vci => "vci",
        },
        problem: pairing.problem.clone(),
        contactless: pairing.contactless,
        vci: pairing.vci,
        suite: pairing.suite.map(device::Suite::name),
        wants_code: pairing.wants_code,
        kept: pairing.kept,
        learnt: pairing.learnt,
        anchors: pairing.anchors,
        first_use: pairing.first_use,
        next: match next {
            Next::Nothing => "nothing",
            Next::StayWithContact => "stay-with-contact",
            Next::Retrieve => "retrieve",
            Next::Vouch => "vouch",
            Next::GiveCode => "give-code",
        },
        advice: next.to_string(),
    }
}

/// What is said beside the code, so that nothing else is on standard output.
fn remark(told: &Told, has_code: bool) -> String {
    let none = if has_code { "" } else { "The card has no pairing code, and asks for none.\n" };
    let signer = match (told.signer, &told.problem) {
        ("learnt", _) => "On contactless readers the card is believed from now on.\n".to_owned(),
        ("not-offered", _) => {
            "The card offers no secure messaging: without contacts it takes no PIN.\n".to_owned()
        }
        ("not-kept", _) => {
            "There is no place to remember the card, so it is not believed on contactless readers: set \
                            HOME or XDG_STATE_HOME.\n"
                .to_owned()
        }
        (_, problem) => format!(
            "On contactless readers the card is not believed: {}\n",
            problem.as_ref().map(plain).unwrap_or_default()
        ),
    };
    format!("{none}{signer}")
}

fn told_text(told: &Told) -> String {
    let mut text = told.code.as_ref().map(|code| format!("{}\n", **code)).unwrap_or_default();
    if told.cached {
        text.push_str("The pairing code is kept until you log out of this machine.\n");
    }
    match told.cleared {
        Some(true) => text.push_str("The clipboard is cleared.\n"),
        Some(false) => text.push_str("The clipboard holds something else by now, and is left as it is.\n"),
        None => {}
    }
    text
}

fn kept_text(kept: &Kept) -> String {
    let how = if kept.checked {
        "The card accepts the pairing code"
    } else {
        "The pairing code was not checked, as the card is in a contact reader"
    };
    format!("{how}. It is kept until you log out of this machine.\n")
}

fn gone_text(parts: &Parts, with_signer: bool) -> String {
    let code = if parts.code {
        "The pairing code is forgotten. A program that uses the card now goes on until it is closed.\n"
    } else {
        "No pairing code was kept.\n"
    };
    let signer = match (with_signer, parts.signer) {
        (false, _) => "",
        (true, true) => {
            "The card is forgotten too: put it into a contact reader before it is used without contacts.\n"
        }
        (true, false) => "The card was not known.\n",
    };
    format!("{code}{signer}")
}

fn shown_text(shown: &Shown) -> String {
    let Shown { device, pairing } = shown;
    let id = device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    let row = |name: &str, value: &str| vec![format!("  {name}"), value.to_owned()];
    let mut rows = vec![row("Connection", connection(pairing))];
    rows.extend(pairing.problem.as_ref().map(|why| row("Problem", &plain(why))));
    rows.extend([
        row(
            "Contactless use",
            if pairing.vci { "offered (virtual contact interface)" } else { "not offered" },
        ),
        row("Cipher suite", pairing.suite.unwrap_or("none: the card has no secure messaging")),
        row("Pairing code", code_text(pairing)),
        row("Vouched for", voucher(pairing)),
        row("Next", &pairing.advice),
    ]);
    format!("{}{id}, in {}\n{}", plain(&device.name), plain(&device.reader), table(&rows))
}

fn connection(item: &Item) -> &'static str {
    match (item.interface, item.contactless) {
        ("contact", false) => "contact",
        ("contact", true) => "! contactless, treated as contact (CRESCENDO_INTERFACE): unsafe",
        ("plain", _) => "contactless, in plain: no PIN is sent",
        ("closed", _) => "! contactless, and the card is not believed: neither PIN nor code is sent",
        ("unpaired", _) => "contactless, with secure messaging; the pairing code is still to be sent",
        _ => "contactless, with secure messaging",
    }
}

fn code_text(item: &Item) -> &'static str {
    match (item.wants_code, item.kept) {
        (_, true) => "kept until you log out of this machine",
        (true, false) => "needed without contacts, and not kept",
        (false, false) => "not needed",
    }
}

fn voucher(item: &Item) -> &'static str {
    match (item.learnt, item.anchors, item.first_use) {
        (true, _, _) => "yes: the card was learnt before",
        (false, true, _) => "by the installed anchors, or nobody",
        (false, false, true) => "nobody; it is believed at first use (CRESCENDO_VCI_TRUST)",
        (false, false, false) => "nobody",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;

    fn owner() -> Owner {
        Owner { name: "Some\x1bReader".to_owned(), id: Some("01".to_owned()), reader: "R 00 00".to_owned() }
    }

    fn pairing() -> device::Pairing {
        device::Pairing {
            interface: Interface::Contact,
            problem: None,
            contactless: false,
            vci: true,
            suite: Some(device::Suite::Cs2),
            wants_code: true,
            kept: false,
            learnt: false,
            anchors: false,
            first_use: false,
        }
    }

    #[test]
    fn the_state_in_words() {
        let shown = Shown { device: owner(), pairing: item(&pairing()) };
        let expected = "\
Some\u{FFFD}Reader, ID 01, in R 00 00
  Connection       contact
  Contactless use  offered (virtual contact interface)
  Cipher suite     CS2 (P-256, SHA-256, AES-128)
  Pairing code     needed without contacts, and not kept
  Vouched for      nobody
  Next             run \"crescendo pairing retrieve --cache\"
";
        assert_eq!(shown_text(&shown), expected);
        let laboratory = device::Pairing { contactless: true, ..pairing() };
        assert!(connection(&item(&laboratory)).contains("unsafe"));
    }

    #[test]
    fn the_code_alone_is_on_standard_output() {
        let code = Some(Zeroizing::new("27182818".to_owned()));
        let shown = Told { code, ..told(owner(), &Signer::Learnt) };
        assert_eq!(told_text(&shown), "27182818\n");
        assert!(remark(&shown, true).contains("believed from now on"));
        let kept = Told { cached: true, ..told(owner(), &Signer::NotKept) };
        assert!(!told_text(&kept).contains("2718") && remark(&kept, true).contains("XDG_STATE_HOME"));
    }

    #[test]
    fn json_of_a_code_and_of_the_state() {
        let code = Some(Zeroizing::new("27182818".to_owned()));
        let shown = Told { code, ..told(owner(), &Signer::Learnt) };
        let object: serde_json::Value = serde_json::from_str(&json(&shown).unwrap()).unwrap();
        assert_eq!((&object["code"], &object["signer"]), (&"27182818".into(), &"learnt".into()));
        assert_eq!((&object["cached"], &object["cleared"]), (&false.into(), &serde_json::Value::Null));
        let object: serde_json::Value =
            serde_json::from_str(&json(&Shown { device: owner(), pairing: item(&pairing()) }).unwrap())
                .unwrap();
        assert_eq!(
            (&object["pairing"]["interface"], &object["pairing"]["next"]),
            (&"contact".into(), &"retrieve".into())
        );
    }
}
