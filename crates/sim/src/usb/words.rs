//! The controls of a whole key as lines of text: those of its card (see [`control`](crate::control)), and what there is
//! beside a card.

use super::UsbKey;
use crate::control;
use crate::key::{Button, Led, Mode, What};

/// The commands beside those of the card, for people.
pub const COMMANDS: &str = "\
A whole key (vhci) has these besides:
press                              presses the button once, now; whoever waits for it, FIDO, an update or OATH
button press [N] | button ignore | button manual
                                   what the person does when the key asks: presses after N KEEPALIVEs (3), never; the word
                                   press is heard either way
unplug | plug                      pulls it out of its port, puts it back
fault report N unplug|power        at the n-th report from now, both directions counted: pulled out, or a cut of the power;
                                   fault none takes both kinds back
info                               mode, firmware, the firmware marked good, counter and flags (bit 0: an interrupted update
                                   is pending, bit 1: not confirmed)
led                                off, ready, fido-presence, update-presence, update-mode, updating";

/// Without a number: as soon as a person would.
const USUAL: u32 = 3;

impl UsbKey {
    /// Carries out one command, and returns the line to answer.
    pub fn command(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["press"] => {
                self.key.press();
                self.card.press();
                Ok(String::new())
            }
            ["button", ref how @ ..] => self.button(how),
            ["unplug"] => {
                self.unplug();
                Ok(String::new())
            }
            ["plug"] => {
                self.plug();
                Ok(String::new())
            }
            ["fault", "report", at, what] => self.fault(at, what),
            ["info"] => Ok(self.info()),
            ["led"] => Ok(led(self.key.led()).into()),
            ["fault", "none"] => {
                self.key.behave();
                return control::command(&self.card, line);
            }
            _ => return control::command(&self.card, line),
        };
        self.notice();
        match answer {
            Ok(answer) if answer.is_empty() => "ok".into(),
            Ok(answer) => format!("ok {answer}"),
            Err(why) => format!("error {why}"),
        }
    }

    fn button(&self, how: &[&str]) -> Result<String, String> {
        let button = match how {
            ["press"] => Button::PressAfter(USUAL),
            ["press", after] => Button::PressAfter(number(after)?),
            ["ignore" | "manual"] => Button::Never,
            _ => return Err("button press, ignore or manual".into()),
        };
        self.key.set_button(button);
        Ok(String::new())
    }

    fn fault(&self, at: &str, what: &str) -> Result<String, String> {
        let what = match what {
            "unplug" => What::Unplug,
            "power" => What::PowerCut,
            _ => return Err(format!("no fault {what}: unplug or power")),
        };
        let at = Some(number(at)?).filter(|at| *at > 0).ok_or("reports are counted from 1")?;
        self.key.add_fault(at.into(), what);
        Ok(String::new())
    }

    fn info(&self) -> String {
        let key = &self.key;
        let version = |version: Option<crate::key::Version>| version.map_or("none".into(), |v| v.to_string());
        let mode = match key.mode() {
            Some(Mode::Normal) => "normal",
            Some(Mode::Update) => "update",
            None => "away",
        };
        let unconfirmed = key.running().is_some() && !key.is_confirmed();
        let flags = u8::from(key.partial().is_some()) | u8::from(unconfirmed) << 1;
        let (running, good) = (version(key.running()), version(key.good()));
        format!("mode={mode} firmware={running} good={good} counter={} flags={flags:02X}", key.counter())
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("no number {text}"))
}

fn led(led: Led) -> &'static str {
    match led {
        Led::Off => "off",
        Led::Ready => "ready",
        Led::FidoPresence => "fido-presence",
        Led::UpdatePresence => "update-presence",
        Led::UpdateMode => "update-mode",
        Led::Updating => "updating",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::{Personality, SimCard};
    use crate::key::Profile;

    #[test]
    fn a_key_has_the_words_of_its_card_and_its_own() {
        let key = UsbKey::new(Profile::reference(1), &SimCard::new(Personality::key_v3()));
        let say = |line: &str| key.command(line);
        assert_eq!(say("info"), "ok mode=normal firmware=1.0.0+0 good=1.0.0+0 counter=1 flags=00");
        assert_eq!(say("led"), "ok ready");
        assert_eq!(say("tries"), "ok pin=6 puk=none");
        assert_eq!(say("button manual"), "ok");
        assert_eq!(say("button press 20"), "ok");
        assert_eq!(say("press"), "ok");
        assert_eq!(say("unplug"), "ok");
        assert_eq!(say("info"), "ok mode=away firmware=none good=1.0.0+0 counter=1 flags=00");
        assert_eq!(say("plug"), "ok");
        assert_eq!(say("fault report 3 power"), "ok");
        assert_eq!(say("fault 3 pull"), "ok");
        assert_eq!(say("fault none"), "ok");
        for wrong in ["fault report 0 power", "fault report 1 fire", "button", "button press x", "dance"] {
            assert!(say(wrong).starts_with("error "), "{wrong}");
        }
    }
}
