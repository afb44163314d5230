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
}

impl FromStr for What {
    type Err = String;

    /// `pull`, `lose-answer`, `reset`, `select AID`, `garbage`, `truncated`, `oversized`, `status SW`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, argument) = text.split_once(' ').unwrap_or((text, ""));
        match (kind, hex::decode(argument.trim()).as_deref()) {
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
        assert!("status 6F".parse::<What>().is_err());
        assert!("explode".parse::<What>().is_err());
    }
}
