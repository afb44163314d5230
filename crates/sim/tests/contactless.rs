//! What may be done over contactless, plain, in secure messaging and in the virtual contact interface, and over contact
//! (SP 800-73 part 1, tables 2 and 5; part 2, tables 3 and 4 to 8).

mod common;

use common::terminal::{Broken, Terminal};
use common::{SELECT_PIV, VERIFY_123456, bytes, hex, object, say, send, tlv};
use crescendo_sim::{Interface, Personality, SecureMessaging, SimCard, SimReaders, Suite, Vci};
use link::{LinkError, Readers};

const CODE: &[u8] = b"27182818";
const PIN: &[u8] = b"123456\xFF\xFF";
const WRONG: &[u8] = b"999999\xFF\xFF";

/// The four ways to a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Contactless,
    Secured,
    Vci,
    Contact,
}

const WAYS: [Way; 4] = [Way::Contactless, Way::Secured, Way::Vci, Way::Contact];

/// A card, and the way a command takes to it.
struct Path<'c> {
    card: &'c SimCard,
    terminal: Option<Terminal<'c>>,
}

fn card(retired: u8) -> SimCard {
    SimCard::new(Personality { retired, global_pin: Some("654321".into()), ..Personality::piv_dual() })
}

impl<'c> Path<'c> {
    fn to(card: &'c SimCard, way: Way) -> Self {
        let interface = if way == Way::Contact { Interface::Contact } else { Interface::Contactless };
        card.set_interface(interface);
        say(card, SELECT_PIV);
        let mut terminal = match way {
            Way::Secured | Way::Vci => Some(Terminal::open(card, Suite::Cs2).unwrap()),
            Way::Contactless | Way::Contact => None,
        };
        if way == Way::Vci {
            assert_eq!(terminal.as_mut().unwrap().verify(0x98, CODE), Ok(0x9000));
        }
        Self { card, terminal }
    }

    fn send(&mut self, head: [u8; 3], data: &[u8], expects: bool) -> u16 {
        let [ins, p1, p2] = head;
        match &mut self.terminal {
            Some(terminal) => match terminal.send(head, data, expects) {
                Ok((_, status)) | Err(Broken::Status(status)) => status,
                Err(broken) => panic!("{broken:?}"),
            },
            None => send(self.card, [0, ins, p1, p2], data).1,
        }
    }

    fn read(&mut self, tag: u32) -> u16 {
        let tag: Vec<u8> = tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        self.send([0xCB, 0x3F, 0xFF], &tlv(0x5C, &tag), true)
    }

    fn authenticate(&mut self, algorithm: u8, key: u8, tag: u8, input: &[u8]) -> u16 {
        self.send([0x87, algorithm, key], &tlv(0x7C, &[vec![0x82, 0], tlv(tag, input)].concat()), true)
    }

    fn verify(&mut self, reference: u8, code: &[u8]) -> u16 {
        self.send([0x20, 0, reference], code, false)
    }
}

fn on_every_way(card: &SimCard, what: impl Fn(&mut Path<'_>) -> u16) -> [u16; 4] {
    WAYS.map(|way| what(&mut Path::to(card, way)))
}

#[test]
fn containers_by_way() {
    let card = card(2);
    const FREE: [u16; 4] = [0x9000; 4];
    const VCI: [u16; 4] = [0x6982, 0x6982, 0x9000, 0x9000];
    for tag in [0x5FC102, 0x5FC101, 0x7E, 0x5FC122] {
        assert_eq!(on_every_way(&card, |path| path.read(tag)), FREE, "{tag:06X}");
    }
    assert_eq!(on_every_way(&card, |path| path.read(0x7F61)), [0x6A82; 4], "free, and not there");
    for tag in [0x5FC105, 0x5FC10A, 0x5FC10B, 0x5FC107, 0x5FC10C, 0x5FC10D, 0x5FC10E] {
        assert_eq!(on_every_way(&card, |path| path.read(tag)), VCI, "{tag:06X}");
    }
    assert_eq!(on_every_way(&card, |path| path.read(0x5FC106)), [0x6982, 0x6982, 0x6A82, 0x6A82]);
    for tag in [0x5FC109, 0x5FC123] {
        assert_eq!(on_every_way(&card, |path| path.read(tag)), [0x6982; 4], "{tag:06X} before the PIN");
        let after = on_every_way(&card, |path| {
            path.verify(0x80, PIN);
            path.read(tag)
        });
        assert_eq!(after, VCI, "{tag:06X} after it");
    }
}

#[test]
fn the_pairing_code_is_what_was_agreed() {
    let card = card(0);
    assert_eq!(hex(&card.object(0x5FC123).unwrap()), format!("530C9908{}FE00", hex(CODE)));
}

#[test]
fn keys_by_way() {
    let card = card(2);
    let point = fixture_point();
    let uses: [(u8, u8, u8, &[u8]); 5] = [
        (0x07, 0x9A, 0x81, &[1; 256]),
        (0x11, 0x9C, 0x81, &[1; 32]),
        (0x07, 0x9D, 0x81, &[1; 256]),
        (0x07, 0x82, 0x81, &[1; 256]),
        (0x11, 0x83, 0x85, &point),
    ];
    let free = on_every_way(&card, |path| path.authenticate(0x11, 0x9E, 0x81, &[1; 32]));
    assert_eq!(free, [0x9000; 4]);
    for (algorithm, key, tag, input) in uses {
        let before = on_every_way(&card, |path| path.authenticate(algorithm, key, tag, input));
        assert_eq!(before, [0x6982; 4], "{key:02X} without PIN");
        let after = on_every_way(&card, |path| {
            path.verify(0x80, PIN);
            path.authenticate(algorithm, key, tag, input)
        });
        assert_eq!(after, [0x6982, 0x6982, 0x9000, 0x9000], "{key:02X} after the PIN");
        let between = on_every_way(&card, |path| {
            path.verify(0x80, PIN);
            path.read(0x5FC102);
            path.authenticate(algorithm, key, tag, input)
        });
        let vci = if key == 0x9C { 0x6982 } else { 0x9000 };
        assert_eq!(between, [0x6982, 0x6982, vci, vci], "{key:02X} after PIN and another command");
    }
}

fn fixture_point() -> Vec<u8> {
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    let key = p256::SecretKey::from_slice(&[9; 32]).unwrap();
    key.public_key().to_encoded_point(false).as_bytes().to_vec()
}

#[test]
fn references_by_way() {
    let card = card(0);
    for (reference, pin) in [(0x80, PIN), (0x00, b"654321\xFF\xFF")] {
        let right = on_every_way(&card, |path| path.verify(reference, pin));
        assert_eq!(right, [0x6982, 0x6982, 0x9000, 0x9000]);
        let change = [pin, pin].concat();
        let changed = on_every_way(&card, |path| path.send([0x24, 0, reference], &change, false));
        assert_eq!(changed, [0x6982, 0x6982, 0x9000, 0x9000]);
    }
    assert_eq!(on_every_way(&card, |path| path.verify(0x80, b"")), [0x6982, 0x6982, 0x63C5, 0x63C5]);
    let cleared = on_every_way(&card, |path| path.send([0x20, 0xFF, 0x80], b"", false));
    assert_eq!(cleared, [0x6982, 0x6982, 0x9000, 0x9000]);

    assert_eq!(on_every_way(&card, |path| path.verify(0x98, CODE)), [0x6982, 0x9000, 0x9000, 0x9000]);
    assert_eq!(on_every_way(&card, |path| path.verify(0x98, b"00000000")), [0x6982, 0x6300, 0x6300, 0x6300]);
    assert_eq!(on_every_way(&card, |path| path.verify(0x98, b"")), [0x6982, 0x6300, 0x9000, 0x6300]);
    assert_eq!(on_every_way(&card, |path| path.verify(0x98, b"2718281")), [0x6982, 0x6A80, 0x6A80, 0x6A80]);
}

#[test]
fn a_refused_try_over_contactless_costs_nothing() {
    let card = card(0);
    for way in [Way::Contactless, Way::Secured] {
        for _ in 0..6 {
            assert_eq!(Path::to(&card, way).verify(0x80, WRONG), 0x6982);
        }
    }
    assert_eq!(card.tries().pin, 5);
}

#[test]
fn administration_is_for_the_contact_interface() {
    let card = card(0);
    let puk: &[u8] = b"12345678";
    let commands: [([u8; 3], Vec<u8>); 4] = [
        ([0x2C, 0, 0x80], [puk, PIN].concat()),
        ([0x24, 0, 0x81], [puk, puk].concat()),
        ([0xDB, 0x3F, 0xFF], bytes("5C035FC10953 00")),
        ([0x47, 0, 0x9A], bytes("AC03800111")),
    ];
    for (head, data) in commands {
        let [ins, p1, p2] = head;
        let mut path = Path::to(&card, Way::Contactless);
        assert_eq!(path.send(head, &data, false), 0x6A81, "{ins:02X}");
        card.set_interface(Interface::Contact);
        say(&card, SELECT_PIV);
        let contact = send(&card, [0, ins, p1, p2], &data).1;
        assert_eq!(contact, if matches!(ins, 0xDB | 0x47) { 0x6982 } else { 0x9000 }, "{ins:02X}");
    }
    let mut path = Path::to(&card, Way::Vci);
    assert_eq!(path.send([0x24, 0, 0x81], &[puk, puk].concat(), false), 0x6A81);
    assert_eq!(path.send([0x2C, 0, 0x80], &[puk, PIN].concat(), false), 0x6882, "never protected");
}

#[test]
fn a_virtual_contact_interface_is_a_condition_of_each_command() {
    let card = card(0);
    let mut path = Path::to(&card, Way::Vci);
    assert_eq!(path.verify(0x80, PIN), 0x9000);
    assert_eq!(object(&card, 0x5FC105).1, 0x6982, "plain in between");
    assert_eq!(say(&card, VERIFY_123456), "6982");
    assert_eq!(path.read(0x5FC105), 0x9000);
    assert_eq!(path.verify(0x98, b"00000000"), 0x6300);
    assert_eq!(path.read(0x5FC105), 0x6982, "a wrong pairing code ends it");
    assert_eq!(path.verify(0x98, CODE), 0x9000);
    assert_eq!(path.send([0x20, 0xFF, 0x98], b"", false), 0x9000);
    assert_eq!(path.read(0x5FC105), 0x6982, "and so does clearing it");
    card.set_object(0x7E, None);
    assert_eq!(path.verify(0x98, CODE), 0x9000);
    assert_eq!(path.read(0x5FC105), 0x6982, "without Discovery object there is none");
}

#[test]
fn with_and_without_pairing_code_and_not_at_all() {
    for (vci, policy, status) in [
        (Vci::Open, None, 0x9000),
        (Vci::PairingCode, None, 0x6982),
        (Vci::None, None, 0x6982),
        (Vci::None, Some([0x4C, 0x00]), 0x9000),
        (Vci::Open, Some([0x40, 0x00]), 0x6982),
    ] {
        let mut personality = Personality { policy, ..Personality::piv_dual() };
        personality.secure_messaging.vci = vci;
        let card = SimCard::new(personality);
        assert_eq!(Path::to(&card, Way::Secured).read(0x5FC105), status, "{vci:?} {policy:02X?}");
    }
}

#[test]
fn the_last_tries_are_for_the_contact_interface() {
    let card = card(0);
    card.set_secure_messaging(SecureMessaging { contact_tries: 3, ..card.secure_messaging() });
    let mut path = Path::to(&card, Way::Vci);
    assert_eq!(path.verify(0x80, WRONG), 0x63C4);
    assert_eq!(path.verify(0x80, WRONG), 0x63C3);
    for refused in [WRONG, PIN, b""] {
        assert_eq!(path.verify(0x80, refused), 0x6983);
    }
    assert_eq!(path.send([0x24, 0, 0x80], &[PIN, PIN].concat(), false), 0x6983);
    assert_eq!(card.tries().pin, 3);

    let mut path = Path::to(&card, Way::Contact);
    assert_eq!(path.verify(0x80, b""), 0x63C3);
    assert_eq!(path.verify(0x80, WRONG), 0x63C2);
    assert_eq!(path.verify(0x80, PIN), 0x9000);
    assert_eq!(Path::to(&card, Way::Vci).verify(0x80, b""), 0x63C5);
}

#[test]
fn secure_messaging_over_contact_adds_nothing_and_takes_nothing() {
    let card = card(0);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x9000);
    assert_eq!(terminal.object("5FC109").unwrap().1, 0x6982);
    assert_eq!(terminal.verify(0x80, PIN), Ok(0x9000));
    assert_eq!(object(&card, 0x5FC109).1, 0x9000, "the PIN is verified for both");
}

#[test]
fn cards_without_secure_messaging_show_the_free_things() {
    for personality in [Personality::piv(), Personality::key_v3()] {
        let card = SimCard::new(personality);
        let mut path = Path::to(&card, Way::Contactless);
        assert_eq!(card.atr()[..4], [0x3B, 0x80 | (card.atr().len() - 5) as u8, 0x80, 0x01]);
        assert_eq!(path.read(0x5FC102), 0x9000);
        assert_eq!(path.authenticate(0x11, 0x9E, 0x81, &[1; 32]), 0x9000);
        assert_eq!([path.read(0x5FC105), path.verify(0x80, PIN)], [0x6982; 2]);
    }
}

#[test]
fn moving_to_the_other_interface_is_taking_the_card_out_and_putting_it_in() {
    let card = SimCard::new(Personality::piv_dual());
    let readers = SimReaders::new();
    readers.plug_for("contactless", Interface::Contactless);
    readers.plug("any");
    readers.put("any", &card);
    assert_eq!(
        (card.interface(), card.atr()),
        (Interface::Contact, &b"\x3B\x87\x81\x31\xFE\x45SimDual\xE7"[..])
    );
    say(&card, SELECT_PIV);
    say(&card, VERIFY_123456);
    let before = readers.list().unwrap();
    let mut connection = readers.connect("any").unwrap();

    readers.put("contactless", &card);
    assert_eq!((card.interface(), card.verified()), (Interface::Contactless, false));
    let now = readers.list().unwrap();
    assert_eq!(now[0].atr.as_deref(), Some(&b"\x3B\x87\x80\x01SimDual\x6D"[..]));
    assert_eq!((now[0].events, now[1].atr.clone(), now[1].events), (1, None, before[1].events + 1));
    assert!(matches!(connection.begin(), Err(LinkError::Removed)));

    card.set_interface(Interface::Contact);
    let last = readers.list().unwrap();
    assert_eq!(
        (last[0].events, last[0].atr.as_deref()),
        (3, Some(&b"\x3B\x87\x81\x31\xFE\x45SimDual\xE7"[..]))
    );
    card.pull();
    card.set_interface(Interface::Contactless);
    assert!(!card.is_present(), "a card outside stays outside");
    card.insert();
    readers.put("any", &card);
    assert_eq!(card.interface(), Interface::Contactless, "a reader of no kind takes it as it is");
}
