// Shared by the fuzz target `image` and the test that replays its corpus.

use firmware::{Allow, Info, Mode, Serial, SignedImage, Trust};

/// The public key of seed 11, 32 times: it signs the images of the corpus.
const KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA0EqyMnQrtKs6E2i9RhXk5tAiSrcaAWuvhSCjMsl3hzc=
-----END PUBLIC KEY-----
";

/// Reads these bytes as everything the firmware side reads: they may be anything. Whether they are a signed image.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let _ = Info::parse(bytes);
    let _ = fido::Info::parse(bytes);
    let mut trust = Trust::default();
    trust.add(KEY).expect("it is a key");
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = trust.add(text);
        let _ = Trust::default().revoke(text);
    }
    let Ok(image) = SignedImage::check(bytes.to_vec(), &trust) else { return false };
    assert!(!image.signers().is_empty() && image.size() == bytes.len());
    let key = key(image.model());
    let fits = image.fit(&key, Allow { same: true, older: true });
    assert!(fits.is_err() || fits.is_ok_and(|image| image.serial() == key.serial));
    true
}

fn key(model: &str) -> Info {
    Info {
        mode: Mode::Normal,
        model: model.to_owned(),
        hardware: 1,
        version: Default::default(),
        bootloader: Default::default(),
        counter: 0,
        slot: u32::MAX,
        write_block: 4096,
        interrupted: false,
        unconfirmed: false,
        serial: Serial([0; 16]),
        nonce: [0; 16],
    }
}
