//! How a PIN stands, in words, and what a person does next.

use device::{Challenged, PukState, Ways};

use super::{Item, Shown};
use crate::output::{plain, table};

pub(super) fn status(shown: &Shown) -> String {
    let super::Shown { device, pin } = shown;
    let id = device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    let row = |name: &str, value: String| vec![format!("  {name}"), value];
    let rows = [
        row("PIN", state(pin)),
        row("A new PIN", rules(pin)),
        row("PUK", puk(pin)),
        row("Help desk", help_desk(pin).to_owned()),
        row("Next", pin.advice.clone()),
    ];
    format!("{}{id}, in {}\n{}", plain(&device.name), plain(&device.reader), table(&rows))
}

fn state(pin: &Item) -> String {
    match (pin.state, pin.tries) {
        ("verified", _) => "open: entered by some program".to_owned(),
        ("blocked", _) => "! blocked: no tries left".to_owned(),
        ("contact-only", _) => {
            "! blocked without contacts; in a contact reader it may have tries left".to_owned()
        }
        (_, Some(1)) => "! locked, and one try is left".to_owned(),
        (_, Some(tries)) => format!("locked, {tries} tries left"),
        _ => "none that can be entered here".to_owned(),
    }
}

fn rules(pin: &Item) -> String {
    let by = if pin.policy.is_some() { "" } else { " (by the standard: the device did not tell)" };
    format!("{}{by}", pin.rules)
}

fn puk(pin: &Item) -> String {
    match (pin.puk.state, pin.puk.tries) {
        ("there", Some(1)) => "! one try left".to_owned(),
        ("there", Some(tries)) => format!("{tries} tries left"),
        ("blocked", _) => "! blocked, for good".to_owned(),
        ("untold", _) => "not told".to_owned(),
        _ => "none on the device; a code of 16 characters may stand for it".to_owned(),
    }
}

fn help_desk(pin: &Item) -> &'static str {
    match pin.challenge {
        "yes" => "by challenge and response, if it has an administration key",
        "unconfirmed" => "by challenge and response perhaps: nobody has published that",
        _ => "no challenge and response",
    }
}

/// What comes next: a word for programs, and for people.
pub(super) fn next(state: &str, tries: Option<u8>, ways: &Ways) -> (&'static str, &'static str) {
    let has_puk = matches!(ways.puk, PukState::Tries(_) | PukState::Untold);
    match (state, ways.challenge) {
        ("contact-only", _) => ("contact", "put the card into a contact reader"),
        ("absent", _) => {
            ("contact", "put the card into a contact reader, or pair it: \"crescendo pairing status\"")
        }
        ("blocked", _) if has_puk => ("unblock-puk", "run \"crescendo pin unblock\" with the PUK"),
        ("blocked", Challenged::Yes) => (
            "unblock-help-desk",
            "run \"crescendo pin unblock --help-desk\", or \"crescendo pin unblock\" with a PUK of 16 characters",
        ),
        ("blocked", Challenged::Unconfirmed) => (
            "unblock-unconfirmed",
            "run \"crescendo pin unblock --help-desk --unconfirmed\", or with a PUK of 16 characters \"crescendo pin \
             unblock --unconfirmed\"",
        ),
        ("blocked", Challenged::No) => (
            "lost",
            "nothing lifts this block: PIN and PUK are used up for good. Only whoever issued the card can make it anew",
        ),
        ("not-verified", _) if tries == Some(1) => (
            "last-try",
            "enter the right PIN next, or none: a wrong one blocks it. The right one brings all tries back",
        ),
        _ => ("nothing", "nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_in_words() {
        let device = crate::output::Owner {
            name: "Some\x1bCard".to_owned(),
            id: Some("01".to_owned()),
            reader: "R 00".to_owned(),
        };
        let ways = Ways { puk: PukState::Tries(1), challenge: Challenged::No };
        let (next, advice) = next("not-verified", Some(1), &ways);
        let pin = Item {
            state: "not-verified",
            tries: Some(1),
            reference: "application",
            policy: None,
            rules: "6 to 8 digits".to_owned(),
            puk: crate::pin::Tries { state: "there", tries: Some(1) },
            challenge: "no",
            next,
            advice: advice.to_owned(),
        };
        let expected = "\
Some\u{FFFD}Card, ID 01, in R 00
  PIN        ! locked, and one try is left
  A new PIN  6 to 8 digits (by the standard: the device did not tell)
  PUK        ! one try left
  Help desk  no challenge and response
  Next       enter the right PIN next, or none: a wrong one blocks it. The right one brings all tries back
";
        assert_eq!(status(&Shown { device, pin }), expected);
    }

    #[test]
    fn a_blocked_device_says_what_to_do() {
        let next = |puk, challenge| next("blocked", Some(0), &Ways { puk, challenge }).0;
        assert_eq!(next(PukState::Tries(3), Challenged::No), "unblock-puk");
        assert_eq!(next(PukState::Absent, Challenged::Yes), "unblock-help-desk");
        assert_eq!(next(PukState::Blocked, Challenged::Unconfirmed), "unblock-unconfirmed");
        assert_eq!(next(PukState::Blocked, Challenged::No), "lost", "and it is said that it is terminal");
    }
}
