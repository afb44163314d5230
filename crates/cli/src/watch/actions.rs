//! What one key press does with the device that is selected: the words of a subcommand, which then runs as if it had been
//! typed.

use std::sync::OnceLock;

use clap::CommandFactory;
use device::Action;

use super::tile::Tile;
use crate::arguments::Arguments;

/// What a key press means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Authenticates in this view.
    Authenticate,
    /// Runs a subcommand on the device.
    Run(&'static [&'static str]),
    /// The same on the key side, with a file that is asked for.
    Update,
}

/// A key press that does something with a device.
pub(crate) struct Key {
    pub(crate) letter: char,
    pub(crate) word: &'static str,
    /// What has to be possible.
    pub(crate) action: Action,
    pub(crate) deed: Deed,
}

/// All of them, in the order they are shown.
pub(crate) const KEYS: [Key; 13] = [
    key('a', "authenticate", Action::Authenticate, Deed::Authenticate),
    key('p', "change PIN", Action::ChangePin, Deed::Run(&["pin", "change"])),
    key('u', "unblock", Action::Unblock, Deed::Run(&["pin", "unblock"])),
    key('k', "PUK", Action::ShowPuk, Deed::Run(&["puk", "show"])),
    key('i', "pairing code", Action::Pairing, Deed::Run(&["pairing", "retrieve"])),
    key('c', "clear cache", Action::ClearCache, Deed::Run(&["cache", "clear"])),
    key('x', "forget PINs", Action::ClearCache, Deed::Run(&["cache", "forget-pins"])),
    key('t', "certificates", Action::Certificates, Deed::Run(&["cert", "list"])),
    key('o', "one-time passwords", Action::Otp, Deed::Run(&["otp", "list"])),
    key('y', "recycle", Action::Recycle, Deed::Run(&["recycle"])),
    key('z', "personalize", Action::Personalize, Deed::Run(&["personalize"])),
    key('f', "update firmware", Action::UpdateFirmware, Deed::Update),
    key('n', "info", Action::Certificates, Deed::Run(&["info"])),
];

const fn key(letter: char, word: &'static str, action: Action, deed: Deed) -> Key {
    Key { letter, word, action, deed }
}

/// The subcommands of this program.
fn commands() -> &'static [String] {
    static COMMANDS: OnceLock<Vec<String>> = OnceLock::new();
    COMMANDS.get_or_init(|| {
        Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
    })
}

/// The key with this letter.
pub(crate) fn find(letter: char) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.letter == letter)
}

impl Key {
    /// Why it does nothing for this device, in words.
    pub(crate) fn why_not(&self, tile: &Tile) -> Option<String> {
        match self.deed {
            Deed::Run([command, ..]) if !commands().iter().any(|known| known == command) => {
                Some("this program has no such command".to_owned())
            }
            _ => tile.why_not(self.action),
        }
    }

    /// The command line for this device.
    pub(crate) fn words(&self, tile: &Tile, file: Option<&str>) -> Vec<String> {
        let start = ["crescendo"].map(str::to_owned).into_iter();
        match self.deed {
            Deed::Authenticate => Vec::new(),
            Deed::Run(words) => {
                let words = words.iter().map(|word| (*word).to_owned());
                start.chain(words).chain(["--device".to_owned(), tile.target.clone()]).collect()
            }
            Deed::Update => {
                let words = ["firmware", "update", "--device"].map(str::to_owned);
                let rest = [tile.key.clone().unwrap_or_default(), file.unwrap_or_default().to_owned()];
                start.chain(words).chain(rest).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::watch::picture::some;

    #[test]
    fn each_key_is_one_of_a_kind_and_runs_a_command_on_the_device_that_is_selected() {
        let tile = &some()[0];
        for key in KEYS {
            assert_eq!(KEYS.iter().filter(|other| other.letter == key.letter).count(), 1, "{}", key.letter);
            assert!(!"rq".contains(key.letter), "{}", key.letter);
            let is_command = !matches!(key.deed, Deed::Authenticate);
            if is_command && key.why_not(tile).is_none() {
                let words = key.words(tile, Some("/a file"));
                let parsed = Arguments::try_parse_from(&words);
                assert!(parsed.is_ok_and(|arguments| arguments.command.is_some()), "{words:?}");
                assert!(words.contains(&tile.target) || matches!(key.deed, Deed::Update), "{words:?}");
            }
        }
    }
}
