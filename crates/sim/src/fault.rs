//! What goes wrong, and when: data, so that a test can try every fault at every APDU.

use std::str::FromStr;

use crate::hex;

/// Something that goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which APDU, counted from when the faults were set: 1 is the next one.
    pub at: u32,
    /// What happens there.
    pub what: What,
}

/// What goes wrong at one APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The card is pulled before it sees the command.
    Pull,
    /// The card carries the command out and is pulled before the answer arrives.
    LoseAnswer,
    /// Another program resets the card before it sees the command.
    Reset,
    /// Another program selects this application just before the command.
    ForeignSelect(Vec<u8>),
    /// The answer is 40 bytes that mean nothing, and 9000. The card does not see the command.
    Garbage,
    /// Half the data of the answer is missing; its status word stays.
    Truncated,
    /// 4096 bytes too many follow the data of the answer.
    Oversized,
    /// This status word and no data; the card does not see the command.
    Status(u16),
    /// The card forgets its session keys just before the command, as after another program's key establishment.
    LoseSession,
    /// The answer last given to a command with the same first four bytes, once more. The card does not see the command,
    /// unless there was none such.
    Replay,
    /// One part of the answer is changed on its way. Where the answer has no such part: in the next one that does.
    Tamper(Part),
    /// The answer to a protected command comes in plain, here or to the next protected command.
    PlainAnswer,
}

/// What can be tampered with in secure messaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The cryptogram of a protected answer, DO 87.
    Data,
    /// Its MAC, DO 8E.
    Mac,
    /// Its status, DO 99: a success becomes a refusal, anything else a success.
    Status,
    /// The authentication cryptogram of a key establishment.
    Cryptogram,
    /// The card verifiable certificate there: its signature is wrong, while the cryptogram fits it.
    Cvc,
    /// The card's nonce there.
    Nonce,
}

impl FromStr for What {
    type Err = String;

    /// `pull`, `lose-answer`, `reset`, `select AID`, `garbage`, `truncated`, `oversized`, `status SW`, `lose-session`,
    /// `replay`, `tamper PART`, `plain`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, argument) = text.split_once(' ').unwrap_or((text, ""));
        match (kind, hex::decode(argument.trim()).as_deref()) {
            ("tamper", _) => Ok(Self::Tamper(argument.trim().parse()?)),
            ("lose-session", _) => Ok(Self::LoseSession),
            ("replay", _) => Ok(Self::Replay),
            ("plain", _) => Ok(Self::PlainAnswer),
            ("pull", _) => Ok(Self::Pull),
            ("lose-answer", _) => Ok(Self::LoseAnswer),
            ("reset", _) => Ok(Self::Reset),
            ("select", Some(aid)) => Ok(Self::ForeignSelect(aid.to_vec())),
            ("garbage", _) => Ok(Self::Garbage),
            ("truncated", _) => Ok(Self::Truncated),
            ("oversized", _) => Ok(Self::Oversized),
            ("status", Some(&[high, low])) => Ok(Self::Status(u16::from_be_bytes([high, low]))),
            _ => Err(format!("no fault {text}")),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "data" => Ok(Self::Data),
            "mac" => Ok(Self::Mac),
            "status" => Ok(Self::Status),
            "cryptogram" => Ok(Self::Cryptogram),
            "cvc" => Ok(Self::Cvc),
            "nonce" => Ok(Self::Nonce),
            _ => Err(format!("no part {text}: data, mac, status, cryptogram, cvc or nonce")),
        }
    }
}

/// The faults ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// One fault, at the n-th APDU from now.
    pub fn at(at: u32, what: What) -> Self {
        Self(vec![Fault { at, what }])
    }

    /// Counts one APDU, and takes out what is due at it.
    pub(crate) fn due(&mut self) -> Option<What> {
        for fault in &mut self.0 {
            fault.at = fault.at.saturating_sub(1);
        }
        let due = self.0.iter().position(|fault| fault.at == 0)?;
        Some(self.0.remove(due).what)
    }
}

/// Always the same bytes, so that a failing test fails again. They begin like no object a card has.
pub(crate) fn garbage() -> Vec<u8> {
    [noise(40), vec![0x90, 0x00]].concat()
}

/// So many bytes that mean nothing.
pub(crate) fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(0x9E37_79B1) >> 24) as u8 | 0x80).collect()
}

pub(crate) fn truncated(answer: &[u8]) -> Vec<u8> {
    let (data, status) = answer.split_at(answer.len() - 2);
    [&data[..data.len() / 2], status].concat()
}

pub(crate) fn oversized(answer: &[u8]) -> Vec<u8> {
    let (data, status) = answer.split_at(answer.len() - 2);
    [data, &[0xFF; 4096], status].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_due_once_and_at_its_apdu() {
        let mut faults = Faults::at(2, What::Pull);
        assert_eq!([faults.due(), faults.due(), faults.due()], [None, Some(What::Pull), None]);
    }

    #[test]
    fn two_faults_at_one_apdu_come_one_after_the_other() {
        let both = [What::Garbage, What::Status(0x6F00)].map(|what| Fault { at: 1, what });
        let mut faults = Faults(both.to_vec());
        assert_eq!([faults.due(), faults.due()], [Some(What::Garbage), Some(What::Status(0x6F00))]);
    }

    #[test]
    fn faults_are_read_from_text() {
        assert_eq!("status 6F00".parse(), Ok(What::Status(0x6F00)));
        assert_eq!("select A000000079".parse(), Ok(What::ForeignSelect(vec![0xA0, 0, 0, 0, 0x79])));
        assert_eq!("tamper cvc".parse(), Ok(What::Tamper(Part::Cvc)));
        assert_eq!("lose-session".parse(), Ok(What::LoseSession));
        assert_eq!(["replay".parse(), "plain".parse()], [Ok(What::Replay), Ok(What::PlainAnswer)]);
        assert!("tamper".parse::<What>().is_err());
        assert!("status 6F".parse::<What>().is_err());
        assert!("explode".parse::<What>().is_err());
    }
}
