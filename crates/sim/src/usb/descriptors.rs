//! What the device says of itself (USB 2.0, part 9.6; HID 1.11, part 6.2; CCID 1.10, part 5.1): in normal mode a security
//! key and a card reader with a card in it (command reference, 1.5), in update mode one HID interface.

use link::HidDevice;

use crate::key::Mode;

/// Interrupt endpoint of the HID interface, both directions.
pub(super) const HID: u8 = 1;
/// Bulk endpoint of the card reader, both directions.
pub(super) const BULK: u8 = 2;
/// Interrupt endpoint of the card reader, to the host.
pub(super) const NOTICES: u8 = 3;

/// The HID interface.
pub(super) const HID_INTERFACE: u8 = 0;
/// The card reader.
pub(super) const CCID_INTERFACE: u8 = 1;

pub(super) const DEVICE: u8 = 1;
pub(super) const CONFIGURATION: u8 = 2;
pub(super) const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
/// Of the HID class.
pub(super) const HID_CLASS: u8 = 0x21;
/// Of the HID class.
pub(super) const REPORT: u8 = 0x22;

/// wMaxPacketSize of all endpoints but the one for notices, at full speed.
pub(super) const PACKET: usize = 64;
/// wMaxPacketSize of the one for notices.
pub(super) const NOTICE: usize = 8;

const INTERRUPT: u8 = 3;
const BULK_TRANSFER: u8 = 2;
const IN: u8 = 0x80;

const ENGLISH: u16 = 0x0409;
const MANUFACTURER: &str = "Crescendo project (virtual)";
const PRODUCT: &str = "Virtual Crescendo Key";

/// Who the device is from one enumeration to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    vendor: u16,
    product: u16,
    usage_page: u16,
    serial: Option<String>,
    pub(super) mode: Mode,
}

impl Identity {
    pub(super) fn new(device: HidDevice, mode: Mode) -> Self {
        let HidDevice { vendor, product, usage_page, serial, .. } = device;
        Self { vendor, product, usage_page, serial, mode }
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        format!("{:04X}:{:04X}", self.vendor, self.product)
    }

    pub(super) fn device(&self) -> Vec<u8> {
        let mut descriptor = vec![18, DEVICE, 0x00, 0x02, 0, 0, 0, PACKET as u8];
        descriptor.extend(self.vendor.to_le_bytes());
        descriptor.extend(self.product.to_le_bytes());
        descriptor.extend([0x00, 0x01]);
        descriptor.extend([1, 2, if self.serial.is_some() { 3 } else { 0 }, 1]);
        descriptor
    }

    pub(super) fn configuration(&self) -> Vec<u8> {
        let mut interfaces = self.hid_interface();
        if self.mode == Mode::Normal {
            interfaces.extend(ccid_interface());
        }
        let total = u16::try_from(9 + interfaces.len()).expect("two interfaces").to_le_bytes();
        let count = if self.mode == Mode::Normal { 2 } else { 1 };
        // Powered by the bus, 100 mA.
        [&[9, CONFIGURATION, total[0], total[1], count, 1, 0, 0x80, 50], &interfaces[..]].concat()
    }

    fn hid_interface(&self) -> Vec<u8> {
        [
            vec![9, INTERFACE, HID_INTERFACE, 0, 2, 3, 0, 0, 0],
            self.hid(),
            endpoint(HID | IN, INTERRUPT, PACKET, 1),
            endpoint(HID, INTERRUPT, PACKET, 1),
        ]
        .concat()
    }

    pub(super) fn hid(&self) -> Vec<u8> {
        let report = u16::try_from(self.report().len()).expect("34 bytes").to_le_bytes();
        vec![9, HID_CLASS, 0x11, 0x01, 0, 1, REPORT, report[0], report[1]]
    }

    /// One collection with 64 bytes in each direction, as CTAP 2.1, part 11.2.8.1, has it.
    pub(super) fn report(&self) -> Vec<u8> {
        let [low, high] = self.usage_page.to_le_bytes();
        let mut descriptor = vec![0x06, low, high, 0x09, 0x01, 0xA1, 0x01];
        for (usage, main) in [(0x20, 0x81), (0x21, 0x91)] {
            descriptor
                .extend([0x09, usage, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, main, 0x02]);
        }
        descriptor.push(0xC0);
        descriptor
    }

    /// `None`: there is no such string.
    pub(super) fn string(&self, index: u8) -> Option<Vec<u8>> {
        let units: Vec<u16> = match index {
            0 => vec![ENGLISH],
            1 => MANUFACTURER.encode_utf16().collect(),
            2 => PRODUCT.encode_utf16().collect(),
            3 => self.serial.as_ref()?.encode_utf16().take(126).collect(),
            _ => return None,
        };
        let length = u8::try_from(2 + 2 * units.len()).expect("at most 126 units");
        Some([length, STRING].into_iter().chain(units.into_iter().flat_map(u16::to_le_bytes)).collect())
    }
}

/// The reader of a first-generation key, as libccid's list of readers has it (command reference, 1.5).
fn ccid_interface() -> Vec<u8> {
    /// Automatic parameters, clock, baud rate, PPS and IFSD; the level of TPDUs.
    const FEATURES: u32 = 0x0001_04F2;
    /// 10 bytes of header, 261 of data.
    const LONGEST: u32 = super::ccid::LONGEST as u32;
    /// 4 MHz; at that clock and the default 372 cycles per bit this many bits per second.
    const CLOCK: u32 = 4_000;
    const RATE: u32 = 10_752;
    let mut class = vec![54, HID_CLASS, 0x00, 0x01, 0, VOLTAGE];
    for word in [PROTOCOLS, CLOCK, CLOCK] {
        class.extend(word.to_le_bytes());
    }
    class.push(0);
    for word in [RATE, RATE] {
        class.extend(word.to_le_bytes());
    }
    class.push(0);
    for word in [254, 0, 0, FEATURES, LONGEST] {
        class.extend(word.to_le_bytes());
    }
    class.extend([0xFF, 0xFF, 0, 0, 0, 1]);
    [
        vec![9, INTERFACE, CCID_INTERFACE, 0, 3, 0x0B, 0, 0, 0],
        class,
        endpoint(BULK, BULK_TRANSFER, PACKET, 0),
        endpoint(BULK | IN, BULK_TRANSFER, PACKET, 0),
        endpoint(NOTICES | IN, INTERRUPT, NOTICE, 16),
    ]
    .concat()
}

/// bVoltageSupport: 3 V, and nothing else.
pub(super) const VOLTAGE: u8 = 0x02;
/// dwProtocols: T=1, and nothing else.
const PROTOCOLS: u32 = 0x02;

fn endpoint(address: u8, kind: u8, packet: usize, interval: u8) -> Vec<u8> {
    vec![7, ENDPOINT, address, kind, packet as u8, 0, interval]
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn identity(mode: Mode) -> Identity {
        let (product, usage_page) = if mode == Mode::Normal { (0x0001, 0xF1D0) } else { (0x0002, 0xFFC0) };
        Identity { vendor: 0x1209, product, usage_page, serial: Some("C5".into()), mode }
    }

    /// Walks the descriptors by their lengths: type and content of each.
    fn walk(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
        let mut found = Vec::new();
        while let [length, kind, ..] = *bytes {
            let (one, rest) = bytes.split_at(usize::from(length));
            found.push((kind, &one[2..]));
            bytes = rest;
        }
        found
    }

    #[test]
    fn a_key_in_normal_mode_is_a_security_key_and_a_reader() {
        let identity = identity(Mode::Normal);
        assert_eq!(identity.device()[8..18], [0x09, 0x12, 0x01, 0x00, 0x00, 0x01, 1, 2, 3, 1]);
        let configuration = identity.configuration();
        assert_eq!(
            usize::from(u16::from_le_bytes([configuration[2], configuration[3]])),
            configuration.len()
        );
        let kinds: Vec<u8> = walk(&configuration).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [2, 4, 0x21, 5, 5, 4, 0x21, 5, 5, 5]);
        let class = walk(&configuration)[6].1;
        assert_eq!(class.len(), 52);
        assert_eq!(class[38..50], [0xF2, 0x04, 0x01, 0x00, 0x0F, 0x01, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00]);
        assert_eq!(identity.report()[..5], [0x06, 0xD0, 0xF1, 0x09, 0x01]);
    }

    #[test]
    fn a_key_in_update_mode_is_one_hid_interface_of_another_product() {
        let identity = identity(Mode::Update);
        assert_eq!(identity.device()[10..12], [0x02, 0x00]);
        let configuration = identity.configuration();
        let kinds: Vec<u8> = walk(&configuration).iter().map(|(kind, _)| *kind).collect();
        assert_eq!((configuration[4], kinds), (1, vec![2, 4, 0x21, 5, 5]));
        assert_eq!(identity.report()[..5], [0x06, 0xC0, 0xFF, 0x09, 0x01]);
        assert_eq!(usize::from(identity.hid()[7]), identity.report().len());
    }

    #[test]
    fn strings_are_utf_16_with_their_length() {
        let identity = identity(Mode::Normal);
        assert_eq!(identity.string(0).unwrap(), [4, 3, 0x09, 0x04]);
        assert_eq!(identity.string(3).unwrap(), [6, 3, b'C', 0, b'5', 0]);
        assert!(identity.string(4).is_none());
        let nameless = Identity { serial: None, ..identity };
        assert!(nameless.string(3).is_none());
        assert_eq!(nameless.device()[16], 0);
    }
}
