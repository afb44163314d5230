//! What the tests share: a provider over one simulated reader, and the few things every program does.

#![allow(dead_code)]

pub(crate) mod journey;
pub(crate) mod trap;
pub(crate) mod writing;

use std::sync::Arc;

use crescendo_pkcs11::{Error, Given, Input, Output, Parameter, Provider, Settings, Template};
use cryptoki_sys::*;
use piv::{Environment, MessagingPolicy};
use sim::{Interface, Personality, SecureMessaging, SimCard, SimClock, SimCodes, SimReaders, SimStore};

pub(crate) const PIN: &[u8] = b"123456";
pub(crate) const READER: &str = "Virtual Reader 00";

/// One provider, one reader, one card.
pub(crate) struct Bench {
    pub(crate) provider: Arc<Provider>,
    pub(crate) readers: SimReaders,
    pub(crate) card: SimCard,
    pub(crate) environment: Environment,
    pub(crate) store: SimStore,
    pub(crate) clock: SimClock,
}

impl Bench {
    pub(crate) fn new(personality: Personality) -> Self {
        Self::over(SimCard::new(personality))
    }

    pub(crate) fn over(card: SimCard) -> Self {
        Self::with_settings(card, Settings::default())
    }

    pub(crate) fn with_settings(card: SimCard, settings: Settings) -> Self {
        let (store, clock) = (SimStore::default(), SimClock::default());
        let environment = Environment::new(Arc::new(store.clone()), Arc::new(clock.clone()));
        let readers = SimReaders::with(READER, &card);
        Self::on(card, readers, environment, store, clock, settings)
    }

    /// A dual-interface card on a contactless reader, on a machine that trusts the lab's authority.
    pub(crate) fn contactless(change: impl FnOnce(&mut SecureMessaging)) -> Self {
        let mut personality = Personality::piv_dual();
        change(&mut personality.secure_messaging);
        let card = SimCard::new(personality);
        card.set_interface(Interface::Contactless);
        let mut policy = MessagingPolicy::default();
        policy.anchors.add_pem(sim::fixture::vci_anchor()).unwrap();
        let (store, clock) = (SimStore::default(), SimClock::default());
        let environment = Environment {
            codes: Arc::new(SimCodes::default()),
            messaging: Arc::new(policy),
            ..Environment::new(Arc::new(store.clone()), Arc::new(clock.clone()))
        };
        let readers = SimReaders::with(READER, &card);
        Self::on(card, readers, environment, store, clock, Settings::default())
    }

    fn on(
        card: SimCard,
        readers: SimReaders,
        environment: Environment,
        store: SimStore,
        clock: SimClock,
        settings: Settings,
    ) -> Self {
        let provider = Provider::with_settings(Arc::new(readers.clone()), environment.clone(), settings);
        Self { provider: Arc::new(provider), readers, card, environment, store, clock }
    }

    /// Another program on the same machine, with the same card in the reader.
    pub(crate) fn another(&self) -> Self {
        let Self { card, readers, environment, store, clock, .. } = self;
        let (store, clock) = (store.clone(), clock.clone());
        Self::on(card.clone(), readers.clone(), environment.clone(), store, clock, Settings::default())
    }

    /// The APDUs since this was last asked.
    pub(crate) fn apdus(&self) -> u64 {
        let apdus = self.card.counts().apdus;
        self.card.zero();
        apdus
    }

    pub(crate) fn open(&self) -> CK_SESSION_HANDLE {
        self.provider.open_session(0, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap()
    }

    pub(crate) fn login(&self) -> CK_SESSION_HANDLE {
        let session = self.open();
        self.provider.login(session, CKU_USER, &Input::borrowed(PIN)).unwrap();
        session
    }

    pub(crate) fn find(
        &self,
        session: CK_SESSION_HANDLE,
        template: &[(CK_ATTRIBUTE_TYPE, &[u8])],
    ) -> Vec<CK_OBJECT_HANDLE> {
        let template: Template = template.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        self.provider.find_objects_init(session, &template).unwrap();
        let found = self.provider.find_objects(session, 100).unwrap();
        self.provider.find_objects_final(session).unwrap();
        found
    }

    /// The one object of this class and CKA_ID.
    pub(crate) fn object(
        &self,
        session: CK_SESSION_HANDLE,
        class: CK_OBJECT_CLASS,
        id: u8,
    ) -> CK_OBJECT_HANDLE {
        let found = self.find(session, &[(CKA_CLASS, &class.to_ne_bytes()), (CKA_ID, &[id])]);
        assert_eq!(found.len(), 1, "class {class} id {id}");
        found[0]
    }

    pub(crate) fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        kind: CK_ATTRIBUTE_TYPE,
    ) -> Vec<u8> {
        self.provider.object(session, object).unwrap().attribute(kind).unwrap().to_vec()
    }

    pub(crate) fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        given: &Given,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.provider.sign_init(session, Some(given), key)?;
        let mut out = Buffer::of(512);
        self.provider.sign(session, &Input::borrowed(data), &mut out)?;
        Ok(out.taken)
    }

    pub(crate) fn decrypt(
        &self,
        session: CK_SESSION_HANDLE,
        given: &Given,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.provider.decrypt_init(session, Some(given), key)?;
        let mut out = Buffer::of(512);
        self.provider.decrypt(session, &Input::borrowed(data), &mut out)?;
        Ok(out.taken)
    }

    pub(crate) fn public(&self, session: CK_SESSION_HANDLE, id: u8) -> rsa::RsaPublicKey {
        let key = self.object(session, CKO_PUBLIC_KEY, id);
        let number = |kind| rsa::BigUint::from_bytes_be(&self.attribute(session, key, kind));
        rsa::RsaPublicKey::new(number(CKA_MODULUS), number(CKA_PUBLIC_EXPONENT)).unwrap()
    }

    pub(crate) fn verify_p256(
        &self,
        session: CK_SESSION_HANDLE,
        id: u8,
        hash: &[u8],
        signature: &[u8],
    ) -> bool {
        use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
        let key = self.object(session, CKO_PUBLIC_KEY, id);
        let point = self.attribute(session, key, CKA_EC_POINT);
        let key = VerifyingKey::from_sec1_bytes(&point[2..]).unwrap();
        key.verify_prehash(hash, &Signature::from_slice(signature).unwrap()).is_ok()
    }
}

pub(crate) fn plain(number: CK_MECHANISM_TYPE) -> Given {
    Given { number, parameter: Parameter::Absent }
}

/// A program's buffer, and what came into it.
pub(crate) struct Buffer {
    room: Option<usize>,
    pub(crate) needed: usize,
    pub(crate) taken: Vec<u8>,
}

impl Buffer {
    pub(crate) fn of(room: usize) -> Self {
        Self { room: Some(room), needed: 0, taken: Vec::new() }
    }

    /// A length query.
    pub(crate) fn query() -> Self {
        Self { room: None, needed: 0, taken: Vec::new() }
    }
}

impl Output for Buffer {
    fn accepts(&mut self, len: usize) -> Result<bool, Error> {
        self.needed = len;
        match self.room {
            None => Ok(false),
            Some(room) if room < len => Err(Error::BufferTooSmall),
            Some(_) => Ok(true),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.accepts(bytes.len())? {
            self.taken = bytes.to_vec();
        }
        Ok(())
    }
}
