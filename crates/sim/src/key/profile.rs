//! Who a simulated key is (update protocol, part 2): what it tells of itself, and what was put into it in the factory.
//! `[SIM]`: the protocol leaves it open, and this is our choice.

use std::fmt;
use std::time::Duration;

use super::draft::{Draft, TestKey};

/// Vendor id of the simulated key; kept by its registry for private tests.
pub const VENDOR: u16 = 0x1209;
/// Product id in normal mode.
pub const PRODUCT: u16 = 0x0001;
/// Product id in update mode.
pub const PRODUCT_UPDATE: u16 = 0x0002;
/// The vendor prototype id by which a key announces the update protocol (GetInfo member 15).
pub const ANNOUNCEMENT: u64 = 0x9C4D_1E7A_52B8_F063;
/// The model of the reference device, TLV A0.
pub const MODEL: &str = "org.crescendo.reference-key";

/// Which program of the key runs: its firmware, or its bootloader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The firmware: FIDO, INFO, ENTER, CONFIRM.
    Normal,
    /// The bootloader: INFO, BEGIN to ABORT.
    Update,
}

/// A firmware version, in the order it is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First.
    pub major: u8,
    /// Second.
    pub minor: u8,
    /// Third.
    pub revision: u16,
    /// Last.
    pub build: u32,
}

impl Version {
    /// Version `major.minor.revision+build`.
    pub const fn new(major: u8, minor: u8, revision: u16, build: u32) -> Self {
        Self { major, minor, revision, build }
    }

    /// As INFO and CONFIRM carry it: u8 u8 u16 u32, big-endian.
    pub fn to_wire(self) -> [u8; 8] {
        let mut wire = [self.major, self.minor, 0, 0, 0, 0, 0, 0];
        wire[2..4].copy_from_slice(&self.revision.to_be_bytes());
        wire[4..].copy_from_slice(&self.build.to_be_bytes());
        wire
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}+{}", self.major, self.minor, self.revision, self.build)
    }
}

/// What a key is made as.
#[derive(Clone)]
pub struct Profile {
    /// The model its bootloader accepts.
    pub model: String,
    /// Its hardware revision.
    pub hardware: u8,
    /// Its bootloader: major, minor, revision.
    pub bootloader: (u8, u8, u16),
    /// The serial number in INFO.
    pub serial: [u8; 16],
    /// The USB serial number, the same in both modes. `None`: the device has none.
    pub usb_serial: Option<String>,
    /// Bytes in one of its two slots.
    pub slot_size: u32,
    /// The longest data of one WRITE.
    pub block: u16,
    /// Raw Ed25519 public keys the bootloader trusts.
    pub trusted: Vec<[u8; 32]>,
    /// How many of them must have signed an image.
    pub signatures: usize,
    /// The image in the first slot, marked good. Empty: a key without firmware, which comes up in update mode.
    pub firmware: Vec<u8>,
    /// The security counter at the start.
    pub counter: u32,
    /// Whether GetInfo lists [`ANNOUNCEMENT`]. A key that does not announce knows no vendor command either.
    pub announced: bool,
    /// The authenticator's AAGUID.
    pub aaguid: [u8; 16],
    /// Vendor id, product id in normal mode, product id in update mode.
    pub usb: (u16, u16, u16),
    /// Between two reports of one message. The reference names no number; 500 ms are those of U2F's transport.
    pub between: Duration,
    /// Between the answer of ENTER or REBOOT and the moment the key leaves.
    pub leaves: Duration,
    /// How long it is away when it changes modes or gets its power back; below 500 ms by the protocol.
    pub away: Duration,
    /// How long the bootloader hashes at FINISH.
    pub hashing: Duration,
}

impl Profile {
    /// The reference device with firmware 1.0.0+0 of 8 KiB, counter 1, which trusts [`TestKey::VENDOR`]. The last
    /// byte of the serial number is `n`.
    pub fn reference(n: u8) -> Self {
        let mut serial = *b"\xC5REFERENCE-KEY\0\0";
        serial[15] = n;
        Self {
            model: MODEL.into(),
            hardware: 1,
            bootloader: (1, 0, 0),
            serial,
            usb_serial: Some(crate::hex::encode(&serial)),
            slot_size: 0x8_0000,
            block: 4096,
            trusted: vec![TestKey::VENDOR.public()],
            signatures: 1,
            firmware: Draft::new(Version::new(1, 0, 0, 0)).payload(8 * 1024).counter(1).build(),
            counter: 1,
            announced: true,
            aaguid: *b"crescendo-sim-01",
            usb: (VENDOR, PRODUCT, PRODUCT_UPDATE),
            between: Duration::from_millis(500),
            leaves: Duration::from_millis(100),
            away: Duration::from_millis(300),
            hashing: Duration::from_millis(250),
        }
    }

    /// The same for a host in an emulator, where a report may take 40 ms and half a second pass between two of them. What
    /// the protocol promises it keeps.
    pub fn for_a_slow_host(self) -> Self {
        Self {
            between: Duration::from_secs(5),
            leaves: Duration::from_millis(250),
            away: Duration::from_millis(200),
            ..self
        }
    }

    /// The same with another serial number, in INFO and on USB.
    pub fn with_serial(self, serial: [u8; 16]) -> Self {
        Self { serial, usb_serial: Some(crate::hex::encode(&serial)), ..self }
    }

    /// The same without firmware: it comes up in update mode, where BEGIN needs no approval.
    pub fn without_firmware(n: u8) -> Self {
        Self { firmware: Vec::new(), ..Self::reference(n) }
    }

    /// A security key that does not announce the update protocol.
    pub fn fido_only(n: u8) -> Self {
        Self { announced: false, ..Self::reference(n) }
    }
}

/// What the person at the key does when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Nothing.
    Never,
    /// Presses it after so many KEEPALIVEs.
    PressAfter(u32),
    /// Refuses at the key after so many KEEPALIVEs. `[SIM]` the key answers 2D to ENTER, 27 to FIDO.
    RefuseAfter(u32),
}

/// What the LED shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Led {
    /// No power, or between two modes.
    Off,
    /// The firmware waits.
    Ready,
    /// Press for FIDO.
    FidoPresence,
    /// Press to approve a firmware update: another signal than the FIDO one.
    UpdatePresence,
    /// The bootloader waits.
    UpdateMode,
    /// An image is being written or checked.
    Updating,
}

/// How new firmware fares at its first start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstStart {
    /// It runs, and its self-test passes.
    #[default]
    Runs,
    /// It runs, and its self-test fails: `[SIM]` CONFIRM answers 7F.
    FailsSelfTest,
    /// It never shows itself: the watchdog starts the key again, with the firmware before it.
    Crashes,
}
