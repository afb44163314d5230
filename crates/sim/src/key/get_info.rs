//! authenticatorGetInfo (CTAP 2.1, part 6.4; part 6.2 of the PIV reference): CBOR in its canonical form, shortest
//! lengths and keys in order.

use ciborium::Value;

use super::profile::{ANNOUNCEMENT, Version};

/// What an authenticator tells of itself.
pub(crate) struct Authenticator {
    pub(crate) aaguid: [u8; 16],
    pub(crate) firmware: Version,
    pub(crate) announced: bool,
    /// A PIN is set.
    pub(crate) pin: bool,
}

impl Authenticator {
    /// The map of GetInfo, without the status byte before it.
    pub(crate) fn get_info(&self) -> Vec<u8> {
        let flag = |name: &str, value: bool| (Value::from(name), Value::from(value));
        // Shorter names first, then in the order of their bytes.
        let options =
            vec![flag("rk", true), flag("up", true), flag("plat", false), flag("clientPin", self.pin)];
        let mut members = vec![
            (0x01, Value::Array(["FIDO_2_0", "FIDO_2_1"].map(Value::from).to_vec())),
            (0x03, Value::Bytes(self.aaguid.to_vec())),
            (0x04, Value::Map(options)),
            (0x05, Value::from(1200)),
            (0x0E, Value::from(self.firmware_version())),
        ];
        if self.announced {
            members.push((0x15, Value::Array(vec![Value::from(ANNOUNCEMENT)])));
        }
        let members = members.into_iter().map(|(key, value)| (Value::from(key), value)).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(members), &mut bytes).expect("a Vec takes every byte");
        bytes
    }

    /// `[SIM]` major, minor and revision as one number; CTAP leaves its form to the vendor.
    fn firmware_version(&self) -> u32 {
        let Version { major, minor, revision, .. } = self.firmware;
        u32::from(major) << 24 | u32::from(minor) << 16 | u32::from(revision)
    }
}
