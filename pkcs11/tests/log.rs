//! Whatever is logged, a PIN is not.

mod common;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use common::{Bench, PIN, plain};
use crescendo_pkcs11::Input;
use cryptoki_sys::*;
use sim::Personality;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_login_at_the_finest_level_shows_no_pin() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let bench = Bench::new(Personality::piv());
        let session = bench.open();
        assert!(bench.provider.login(session, CKU_USER, &Input::borrowed(b"987654")).is_err());
        bench.provider.login(session, CKU_USER, &Input::borrowed(PIN)).unwrap();
        let key = bench.object(session, CKO_PRIVATE_KEY, 2);
        bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), key).unwrap();
        bench.provider.login(session, CKU_CONTEXT_SPECIFIC, &Input::borrowed(PIN)).unwrap();
        bench.provider.sign(session, &Input::borrowed(&[7; 32]), &mut common::Buffer::of(64)).unwrap();
        bench.provider.set_pin(session, &Input::borrowed(PIN), &Input::borrowed(b"123456")).unwrap();
        bench.provider.logout(session).unwrap();
        bench.provider.login(session, CKU_SO, &Input::borrowed(b"12345699")).unwrap();
        assert!(bench.provider.init_pin(session, &Input::borrowed(PIN)).is_err());
        bench.provider.login(session, CKU_SO, &Input::borrowed(b"12345678")).unwrap();
        bench.provider.init_pin(session, &Input::borrowed(PIN)).unwrap();
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap().to_lowercase();
    assert!(!text.is_empty());
    for secret in ["123456", "313233343536", "31 32 33 34", "49, 50, 51", "987654", "393837363534"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}
