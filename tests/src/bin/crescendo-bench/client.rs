//! A program that uses any PKCS#11 module, the same for every module: `crescendo-bench client MODULE CONTROL WORD ...`.
//!
//! Each word is a step. It says of each, a line, how long it took in this process and what reached the card meanwhile:
//! `WORD MILLISECONDS APDUS BYTES`. Asking the card for its counts is outside the clock.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crescendo_tests::{IDLE, PIN, pin};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;

use crate::sample::Sample;

/// The exit status of a client that saw no token.
pub(crate) const NO_TOKEN: u8 = 3;

/// What every client reads of a certificate, and of a key.
const CERTIFICATE: &[AttributeType] = &[
    AttributeType::Class,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::Subject,
    AttributeType::Issuer,
    AttributeType::SerialNumber,
    AttributeType::Value,
];
const KEY: &[AttributeType] = &[
    AttributeType::Class,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::KeyType,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::EcParams,
    AttributeType::EcPoint,
];
const DATA: &[AttributeType] = &[AttributeType::Class, AttributeType::Label, AttributeType::Value];

/// Takes the steps and says what each cost. Returns an exit status.
pub(crate) fn run(module: &str, control: &str, words: &[String]) -> u8 {
    let mut card = Counter::connect(Path::new(control));
    let mut client = Client { module: module.into(), library: None, slot: None, session: None };
    for word in words {
        let before = card.counts();
        let start = Instant::now();
        let there = client.act(word);
        let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        let after = card.counts();
        if !there {
            return NO_TOKEN;
        }
        println!("{word} {}", Sample { milliseconds, apdus: after.0 - before.0, bytes: after.1 - before.1 });
    }
    0
}

struct Client {
    module: PathBuf,
    library: Option<Pkcs11>,
    slot: Option<Slot>,
    session: Option<Session>,
}

impl Client {
    /// One step; `false` when there is no token.
    fn act(&mut self, word: &str) -> bool {
        let mut parts = word.split(':');
        let (name, id) = (parts.next(), parts.next().map(id));
        let times = parts.next().map_or(1, |times| times.parse().expect("how often"));
        match name.unwrap_or_default() {
            "load" => self.load(),
            "slots" => return self.find_token(),
            "info" => drop(self.library().get_token_info(self.slot()).expect("C_GetTokenInfo")),
            "open" => {
                self.session = Some(self.library().open_ro_session(self.slot()).expect("C_OpenSession"))
            }
            "list" => self.list(),
            "data" => self.read(ObjectClass::DATA, DATA, &[]),
            "one" => self.read(ObjectClass::CERTIFICATE, CERTIFICATE, id.as_slice()),
            "login" => self.session().login(UserType::User, Some(&pin(PIN))).expect("C_Login"),
            "sign" => self.sign(id.as_slice(), times),
            "consent" => self.sign_with_consent(id.as_slice()),
            "idle" => std::thread::sleep(IDLE),
            _ => panic!("no step {word}"),
        }
        true
    }

    fn load(&mut self) {
        let library = Pkcs11::new(&self.module).expect("the module loads");
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).expect("C_Initialize");
        self.library = Some(library);
    }

    fn find_token(&mut self) -> bool {
        let slots = self.library().get_slots_with_token().expect("C_GetSlotList");
        self.slot = slots.first().copied();
        self.slot.is_some()
    }

    /// Certificates and all keys that show without a PIN.
    fn list(&self) {
        self.read(ObjectClass::CERTIFICATE, CERTIFICATE, &[]);
        self.read(ObjectClass::PUBLIC_KEY, KEY, &[]);
        self.read(ObjectClass::PRIVATE_KEY, KEY, &[]);
    }

    fn read(&self, class: ObjectClass, wanted: &[AttributeType], id: &[Attribute]) {
        let template = [&[Attribute::Class(class)], id].concat();
        let found = self.session().find_objects(&template).expect("C_FindObjects");
        assert!(id.is_empty() || found.len() == 1, "{} objects with one id", found.len());
        for object in found {
            let read = self.session().get_attributes(object, wanted);
            // Some containers want a PIN.
            assert!(read.is_ok() || class == ObjectClass::DATA, "C_GetAttributeValue: {read:?}");
        }
    }

    fn sign(&self, id: &[Attribute], times: usize) {
        let key = self.key(id);
        let kind = self.session().get_attributes(key, &[AttributeType::KeyType]).expect("CKA_KEY_TYPE");
        let mechanism = match kind[..] {
            [Attribute::KeyType(KeyType::RSA)] => Mechanism::Sha256RsaPkcs,
            _ => Mechanism::Ecdsa,
        };
        for _ in 0..times {
            drop(self.session().sign(&mechanism, key, &[7; 32]).expect("C_Sign"));
        }
    }

    /// With a key that wants its PIN each time.
    fn sign_with_consent(&self, id: &[Attribute]) {
        let (session, key) = (self.session(), self.key(id));
        session.sign_init(&Mechanism::EcdsaSha256, key).expect("C_SignInit");
        session.login(UserType::ContextSpecific, Some(&pin(PIN))).expect("C_Login for the context");
        session.sign_update(&[7; 32]).expect("C_SignUpdate");
        drop(session.sign_final().expect("C_SignFinal"));
    }

    fn key(&self, id: &[Attribute]) -> ObjectHandle {
        let template = [&[Attribute::Class(ObjectClass::PRIVATE_KEY)], id].concat();
        let found = self.session().find_objects(&template).expect("C_FindObjects");
        *found.first().expect("there is such a key")
    }

    fn library(&self) -> &Pkcs11 {
        self.library.as_ref().expect("`load` comes first")
    }

    fn slot(&self) -> Slot {
        self.slot.expect("`slots` comes first")
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("`open` comes first")
    }
}

fn id(hex: &str) -> Attribute {
    Attribute::Id(vec![u8::from_str_radix(hex, 16).expect("a CKA_ID of one byte")])
}

/// The card's own counts, over its control socket.
struct Counter(BufReader<UnixStream>);

impl Counter {
    fn connect(control: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(control).expect("the card's control socket")))
    }

    /// APDUs and bytes.
    fn counts(&mut self) -> (u64, u64) {
        let mut answer = String::new();
        let asked = self.0.get_mut().write_all(b"count\n").and_then(|()| self.0.read_line(&mut answer));
        let _ = asked.expect("the card answers");
        let mut numbers =
            answer.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
        let mut next = || numbers.next().unwrap_or_else(|| panic!("no counts: {answer}"));
        (next(), next())
    }
}
