//! What is measured: the rows of the report.

use crate::{contactless, contender};

/// A model of the way to the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Contact,
    Usb,
    /// Of our module alone, by the reader that the card is in.
    Contactless,
}

impl Model {
    pub(crate) const ALL: [Self; 3] = [Self::Contact, Self::Usb, Self::Contactless];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Contact => "Contact card",
            Self::Usb => "USB key",
            Self::Contactless => "Contactless",
        }
    }

    /// What is compared, in the order of its tables.
    pub(crate) fn names(self) -> [&'static str; 3] {
        match self {
            Self::Contact | Self::Usb => contender::NAMES,
            Self::Contactless => contactless::NAMES,
        }
    }

    /// What the ratios are, of the second and of the third.
    pub(crate) fn ratios(self) -> [&'static str; 2] {
        match self {
            Self::Contact | Self::Usb => ["to OpenSC", "to its file cache"],
            Self::Contactless => ["CS2 to contact", "CS7 to contact"],
        }
    }

    /// What it stands for, in the report.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Contact => {
                "2 ms and 0.1 ms per byte for each APDU, both ways; RSA-2048 400 ms, P-256 80 ms"
            }
            Self::Usb => "1 ms and 0.01 ms per byte for each APDU, both ways; no extra time for keys",
            Self::Contactless => {
                "106 kbit/s: 3 ms and 0.09 ms per byte for each APDU, both ways; RSA-2048 400 ms, P-256 80 ms, P-384 160 ms"
            }
        }
    }

    /// For `crescendo-sim vpcd`.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Contact => &["--latency", "contact", "--key-time"],
            Self::Usb => &["--latency", "usb"],
            Self::Contactless => &["--latency", "contactless", "--key-time"],
        }
    }
}

/// What is in the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    Four,
    Fifteen,
    TwentyFour,
    /// A plain PIV card with four certificates that takes extended length, which a Crescendo Key does not.
    Extended,
}

impl Card {
    /// What is in the reader for the comparison of modules.
    pub(crate) const ALL: [Self; 4] = [Self::Four, Self::Fifteen, Self::TwentyFour, Self::Extended];

    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Four => &[],
            Self::Fifteen => &["--retired", "11"],
            Self::TwentyFour => &["--retired", "20"],
            Self::Extended => &["--profile", "piv", "--extended"],
        }
    }
}

/// The options of `crescendo-sim vpcd`.
pub(crate) fn options(model: Model, card: Card) -> Vec<&'static str> {
    [card.options(), model.options()].concat()
}

/// What a module knows of the card before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing.
    Cold,
    /// All, but the card was taken out and put back.
    Inserted,
    /// All, and looked at it less than a minute ago.
    Warm,
}

/// What is run, always as a fresh process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Our own client takes these steps; those before number `from` are not counted.
    Steps { words: &'static str, from: usize },
    /// `ssh-keygen -D`.
    Ssh,
    /// `certutil -L -h all`.
    Nss,
}

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
    pub(crate) card: Card,
    pub(crate) state: State,
    pub(crate) work: Work,
    pub(crate) models: &'static [Model],
    /// In the chart too.
    pub(crate) drawn: bool,
}

/// What fills a cache, and is measured as a listing.
pub(crate) const LIST: &str = "load slots info open list";

const BOTH: &[Model] = &[Model::Contact, Model::Usb];
const ALL: &[Model] = &Model::ALL;
const CONTACT: &[Model] = &[Model::Contact];
const USB: &[Model] = &[Model::Usb];

const fn row(id: &'static str, text: &'static str, card: Card, state: State, work: Work) -> Row {
    Row { id, text, card, state, work, models: BOTH, drawn: true }
}

const fn steps(words: &'static str) -> Work {
    Work::Steps { words, from: 0 }
}

/// A signature after a first one with the same key.
const fn second(words: &'static str) -> Work {
    Work::Steps { words, from: 6 }
}

/// In every model, the contactless one too.
const fn everywhere(row: Row) -> Row {
    Row { models: ALL, ..row }
}

/// A row for the count alone.
const fn counted(id: &'static str, text: &'static str, card: Card, state: State, work: Work) -> Row {
    Row { models: CONTACT, drawn: false, ..row(id, text, card, state, work) }
}

/// Every row, in the order of the report.
pub(crate) const ROWS: &[Row] = &[
    row("start", "module load, C_Initialize, C_GetSlotList", Card::Four, State::Warm, steps("load slots")),
    everywhere(row("list-cold", "list all, 4 certificates, cold", Card::Four, State::Cold, steps(LIST))),
    row("list-inserted", "the same, warm, card just inserted", Card::Four, State::Inserted, steps(LIST)),
    everywhere(row("list-warm", "the same, warm", Card::Four, State::Warm, steps(LIST))),
    row("list-cold-15", "list all, 15 certificates, cold", Card::Fifteen, State::Cold, steps(LIST)),
    row("list-warm-15", "the same, warm", Card::Fifteen, State::Warm, steps(LIST)),
    row("list-cold-24", "list all, 24 certificates, cold", Card::TwentyFour, State::Cold, steps(LIST)),
    row("list-warm-24", "the same, warm", Card::TwentyFour, State::Warm, steps(LIST)),
    row(
        "one-cold",
        "one certificate by id, cold",
        Card::Four,
        State::Cold,
        steps("load slots info open one:03"),
    ),
    row("one-warm", "the same, warm", Card::Four, State::Warm, steps("load slots info open one:03")),
    counted(
        "data",
        "data objects, after a cold listing",
        Card::Four,
        State::Cold,
        Work::Steps { words: "load slots info open list data", from: 5 },
    ),
    everywhere(row(
        "first-both",
        "login, first RSA-2048 and first P-256 signature, warm",
        Card::Four,
        State::Warm,
        steps("load slots info open login sign:01 sign:04"),
    )),
    counted(
        "first-rsa",
        "token info, login, first RSA-2048 signature, warm",
        Card::Four,
        State::Warm,
        steps("load slots info open login sign:01"),
    ),
    Row {
        models: &[Model::Contact, Model::Contactless],
        ..counted(
            "second-rsa",
            "RSA-2048 signature, second of its key",
            Card::Four,
            State::Warm,
            second("load slots info open login sign:01 sign:01"),
        )
    },
    Row {
        models: &[Model::Contact, Model::Contactless],
        ..counted(
            "second-p256",
            "P-256 signature, second of its key",
            Card::Four,
            State::Warm,
            second("load slots info open login sign:04 sign:04"),
        )
    },
    counted(
        "second-9c",
        "P-256 signature with 9C and its PIN, second",
        Card::Four,
        State::Warm,
        second("load slots info open login consent:02 consent:02"),
    ),
    everywhere(row(
        "hundred-p256",
        "100 P-256 signatures",
        Card::Four,
        State::Warm,
        second("load slots info open login sign:04 sign:04:100"),
    )),
    Row {
        models: USB,
        ..row(
            "hundred-rsa",
            "100 RSA-2048 signatures",
            Card::Four,
            State::Warm,
            second("load slots info open login sign:01 sign:01:100"),
        )
    },
    row("ssh-cold", "ssh-keygen -D, cold", Card::Four, State::Cold, Work::Ssh),
    row("ssh-warm", "the same, warm", Card::Four, State::Warm, Work::Ssh),
    row("nss-cold", "NSS certutil -L -h all, cold", Card::Four, State::Cold, Work::Nss),
    row("nss-warm", "the same, warm", Card::Four, State::Warm, Work::Nss),
    counted("extended-cold", "list all, extended length, cold", Card::Extended, State::Cold, steps(LIST)),
    counted(
        "extended-rsa",
        "RSA-2048 signature, extended length, second",
        Card::Extended,
        State::Warm,
        second("load slots info open login sign:01 sign:01"),
    ),
];

/// Which rows are measured one after the other, each with every module. The lanes of the contact card, which mostly wait, go
/// side by side; the USB key comes after them, alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Contact,
    ContactFull,
    ContactLong,
    Usb,
}

impl Lane {
    pub(crate) const SIDE_BY_SIDE: [Self; 3] = [Self::Contact, Self::ContactFull, Self::ContactLong];
}

/// The lane of a row; none where our module is alone.
pub(crate) fn lane(row: &Row, model: Model) -> Option<Lane> {
    let lane = match (model, row.card) {
        (Model::Contactless, _) => return None,
        (Model::Usb, _) => Lane::Usb,
        (Model::Contact, Card::Fifteen | Card::TwentyFour) => Lane::ContactFull,
        (Model::Contact, Card::Extended) => Lane::ContactLong,
        (Model::Contact, Card::Four) if row.id == "hundred-p256" => Lane::ContactLong,
        (Model::Contact, Card::Four) => Lane::Contact,
    };
    Some(lane)
}
