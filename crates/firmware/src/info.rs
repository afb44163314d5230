//! What a key that speaks the protocol says of itself: the answer to INFO (part 3 of the protocol).

use std::fmt;

use crate::{BootloaderVersion, Version, layout};

/// The answer to INFO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Which of its two programs answers.
    pub mode: Mode,
    /// The model id, a reverse domain name.
    pub model: String,
    /// The hardware revision.
    pub hardware: u8,
    /// The version of the firmware.
    pub version: Version,
    /// The version of the bootloader.
    pub bootloader: BootloaderVersion,
    /// The security counter: no image with a lower one is taken.
    pub counter: u32,
    /// The size in bytes of the place for an image.
    pub slot: u32,
    /// How many bytes one WRITE takes at most: 256 to 7168.
    pub write_block: u16,
    /// An update was begun and not finished.
    pub interrupted: bool,
    /// The running image has not been confirmed: at the next start the previous one runs again.
    pub unconfirmed: bool,
    /// The same in both modes; no two keys have the same.
    pub serial: Serial,
    /// The nonce of the last ENTER; zero in normal mode.
    pub nonce: Nonce,
}

/// Which program of a key answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its firmware.
    Normal,
    /// Its bootloader.
    Update,
}

/// The serial number of a key. Prints as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub [u8; 16]);

/// A random number by which a key is known again in update mode.
pub type Nonce = [u8; 16];

const PROTOCOL: u8 = 1;
const INTERRUPTED: u8 = 0x01;
const UNCONFIRMED: u8 = 0x02;

impl Info {
    /// Reads the answer.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(answer: &[u8]) -> Result<Self, &'static str> {
        let mut rest = answer;
        let [protocol, mode, length] = take(&mut rest)?;
        if protocol != PROTOCOL {
            return Err("INFO is of another version of the protocol");
        }
        let mode = match mode {
            0 => Mode::Normal,
            1 => Mode::Update,
            _ => return Err("INFO has an unknown mode"),
        };
        let (model, tail) = rest.split_at_checked(usize::from(length)).ok_or(TOO_SHORT)?;
        let model = layout::model(model).map_err(|_| "INFO has a model id that is none")?;
        rest = tail;
        let [hardware] = take(&mut rest)?;
        let version = Version::from_wire(take(&mut rest)?);
        let bootloader = BootloaderVersion::from_wire(take(&mut rest)?);
        let (counter, slot) = (u32::from_be_bytes(take(&mut rest)?), u32::from_be_bytes(take(&mut rest)?));
        let write_block = u16::from_be_bytes(take(&mut rest)?);
        let [flags] = take(&mut rest)?;
        let (serial, nonce) = (Serial(take(&mut rest)?), take(&mut rest)?);
        if !(256..=7168).contains(&write_block) {
            return Err("INFO has a write block that no key can have");
        }
        if !rest.is_empty() {
            return Err("INFO is too long");
        }
        let (interrupted, unconfirmed) = (flags & INTERRUPTED != 0, flags & UNCONFIRMED != 0);
        #[rustfmt::skip]
        return Ok(Self {
            mode, model, hardware, version, bootloader, counter, slot, write_block, interrupted, unconfirmed, serial, nonce,
        });
    }
}

const TOO_SHORT: &str = "INFO is too short";

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (taken, tail) = rest.split_first_chunk().ok_or(TOO_SHORT)?;
    *rest = tail;
    Ok(*taken)
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer() -> Vec<u8> {
        let head: &[u8] = &[1, 1, 4];
        let numbers: &[u8] = &[2, 3, 1, 0, 4, 0, 0, 0, 7, 1, 0, 0, 9, 0, 0, 0, 12, 0, 8, 0, 0, 0x10, 0, 3];
        [head, b"a.b.", numbers, &[0xAA; 16], &[0xBB; 16]].concat()
    }

    #[test]
    fn every_field() {
        let info = Info::parse(&answer()).unwrap();
        let expected = Info {
            mode: Mode::Update,
            model: "a.b.".to_owned(),
            hardware: 2,
            version: "3.1.4+7".parse().unwrap(),
            bootloader: "1.0.9".parse().unwrap(),
            counter: 12,
            slot: 0x80000,
            write_block: 4096,
            interrupted: true,
            unconfirmed: true,
            serial: Serial([0xAA; 16]),
            nonce: [0xBB; 16],
        };
        assert_eq!(info, expected);
    }

    #[test]
    fn lies_that_show_are_refused() {
        let good = answer();
        for length in 0..good.len() {
            assert!(Info::parse(&good[..length]).is_err(), "{length}");
        }
        assert!(Info::parse(&[&good[..], &[0]].concat()).is_err());
        for (place, wrong) in [(0, 2), (1, 2), (2, 3), (2, 255), (3, b' '), (3, 0xE4), (28, 0x00), (28, 0x1D)]
        {
            let mut bytes = good.clone();
            bytes[place] = wrong;
            assert!(Info::parse(&bytes).is_err(), "{place}: {wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Info::parse(&bytes);
        }
    }
}
