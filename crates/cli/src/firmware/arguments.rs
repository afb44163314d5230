//! What can be asked of `crescendo firmware`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use device::firmware::{BootloaderVersion, Version};

#[derive(Debug, Subcommand)]
pub(crate) enum Firmware {
    /// Show the firmware of the keys that are connected, and of cards in readers
    ///
    /// A card at which somebody is logged in is not asked: that would log them out.
    Info(WhichKey),
    /// Check an image: whole, and signed by keys that are trusted
    Verify(Verify),
    /// Make an image of a payload, signed with private keys
    Sign(Sign),
    /// Install an image in a key: it asks for a press of its button
    ///
    /// Ctrl-C stops it where that leaves the key well: before anything is written the key goes back to its firmware; while
    /// writing it stops at the end of a block, and the next run goes on there; after that it is not stopped any more. A
    /// second Ctrl-C ends the program at once: run it again to finish.
    Update(Update),
    /// Show whose images are trusted: the keys in /etc/crescendo/firmware-keys.d
    ///
    /// There is none in there unless an administrator puts one: public Ed25519 keys as *.pem, hashes of keys that no longer
    /// count, one a line, as *.revoked; and in a file named required-signatures the number of different keys that have to
    /// sign, 1 without it. CRESCENDO_FIRMWARE_KEYS names another folder; it is not read in a program that runs with rights
    /// that are not its user's.
    ListKeys,
}

#[derive(Args, Debug)]
pub(crate) struct WhichKey {
    /// The key: its serial number, whole or in part, its model or its path; not needed where there is only one
    #[arg(long, short, value_name = "KEY")]
    pub(crate) device: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// A public key (PEM) to trust instead of those in the list; may be repeated
    #[arg(long, short, value_name = "PUB.pem")]
    pub(crate) key: Vec<PathBuf>,
    /// How many of these keys have to have signed
    #[arg(long, value_name = "NUMBER", default_value = "1", requires = "key")]
    pub(crate) signatures: usize,
    /// The image
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// A private Ed25519 key (PKCS#8, PEM); may be repeated
    #[arg(long, short, required = true, value_name = "PRIVATE.pem")]
    pub(crate) key: Vec<PathBuf>,
    /// The model it is for, as in org.crescendo.reference-key
    #[arg(long)]
    pub(crate) model: String,
    /// Its version, as in 3.1.4+7
    #[arg(long)]
    pub(crate) version: Version,
    /// Its security counter: keys with a higher one will refuse it
    #[arg(long)]
    pub(crate) counter: u32,
    /// The oldest bootloader it runs with
    #[arg(long, default_value = "0.0.0", value_name = "VERSION")]
    pub(crate) bootloader: BootloaderVersion,
    /// A hardware revision it is for; may be repeated
    #[arg(long, required = true, value_name = "REVISION")]
    pub(crate) hardware: Vec<u8>,
    /// The size of the header area, in bytes
    #[arg(long, default_value = "512", value_name = "BYTES")]
    pub(crate) header_size: u16,
    /// Replace the image if it exists
    #[arg(long)]
    pub(crate) force: bool,
    /// What is to run on the key
    pub(crate) payload: PathBuf,
    /// The image to write; it must not exist yet
    pub(crate) image: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Update {
    #[command(flatten)]
    pub(crate) which: WhichKey,
    /// Install the version that the key has already once more
    #[arg(long)]
    pub(crate) reinstall: bool,
    /// Install an older version, where the key's security counter lets it
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// The image; a dropped or pasted path is taken with its quotes or as file://
    pub(crate) file: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parse(line: &str) -> Result<Firmware, clap::Error> {
        match Arguments::try_parse_from(format!("crescendo firmware {line}").split(' '))?.command {
            Some(Command::Firmware(command)) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_command() {
        assert!(matches!(parse("info --device abc"), Ok(Firmware::Info(_))));
        assert!(matches!(parse("list-keys"), Ok(Firmware::ListKeys)));
        let Ok(Firmware::Verify(verify)) = parse("verify --key a.pem --key b.pem --signatures 2 x.img")
        else {
            panic!("verify");
        };
        assert_eq!((verify.key.len(), verify.signatures), (2, 2));
        assert!(parse("verify x.img").is_ok() && parse("verify --signatures 2 x.img").is_err());
        let Ok(Firmware::Update(update)) = parse("update --reinstall --allow-older --device c5 x.img") else {
            panic!("update");
        };
        assert!(update.reinstall && update.allow_older && update.which.device.is_some());
    }

    #[test]
    fn signing_needs_to_know_everything() {
        let words = "--key k.pem --model a.b --version 3.1.4+7 --counter 12 --hardware 1";
        let Ok(Firmware::Sign(sign)) = parse(&format!("sign {words} in.bin out.img")) else { panic!("sign") };
        assert_eq!((sign.version.to_string(), sign.header_size), ("3.1.4+7".to_owned(), 512));
        let words: Vec<_> = words.split(' ').collect();
        for missing in words.chunks(2) {
            let rest: Vec<_> = words.chunks(2).filter(|word| *word != missing).flatten().copied().collect();
            assert!(parse(&format!("sign {} in.bin out.img", rest.join(" "))).is_err(), "{missing:?}");
        }
        assert!(parse(&format!("sign {} in.bin out.img", words.join(" ").replace("3.1.4", "3.1"))).is_err());
    }
}
