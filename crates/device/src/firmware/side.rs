//! The update of a device that is a card too: of its own key side and of no other key, and the card once it is back.

use std::time::Duration;

use super::{Allow, Error, Firmware, Flow, Key, Keys, SignedImage, Step, Updated};
use crate::{Device, State};

/// How long a reader may take to have its card again.
const REAPPEARANCE: Duration = Duration::from_secs(10);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(250);

impl Device {
    /// Installs an image in the key side of this device, as [`Keys::update`] does. Whatever comes of it, the device is read anew
    /// afterwards; after an update it is waited for until the card is back.
    ///
    /// # Errors
    /// [`Error::NoKeySide`], where none is found that is known to be a part of it; as [`Keys::update`].
    pub fn update_firmware(
        &mut self,
        keys: &Keys,
        image: SignedImage,
        allow: Allow,
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<Updated, Error> {
        self.load();
        self.find_key_side();
        let (_, info) = self.as_key().ok_or(Error::NoKeySide)?.updatable()?;
        // It leaves with the key.
        self.let_go();
        let result = keys.update(image, Some(&info.serial.to_string()), allow, report);
        self.take_key_side();
        self.reload();
        if result.is_ok() {
            self.wait_for_card(keys, report);
        }
        self.find_key_side();
        result
    }

    fn as_key(&self) -> Option<Key> {
        let side = self.key_side()?;
        let unasked = || Firmware::Silent("it was not asked".to_owned());
        Some(Key { device: side.device.clone(), firmware: side.firmware.clone().unwrap_or_else(unasked) })
    }

    fn wait_for_card(&mut self, keys: &Keys, report: &mut dyn FnMut(Step) -> Flow) {
        let end = keys.clock.now() + REAPPEARANCE;
        while matches!(self.state(), State::Empty | State::Unreadable(_)) && keys.clock.now() < end {
            report(Step::Attaching);
            (keys.pause)(PAUSE);
            self.reload();
        }
    }
}
