//! Several threads in one library.

mod common;

use std::{thread, time::Instant};

use common::{Bench, plain};
use cryptoki_sys::*;
use sim::Personality;

#[test]
fn a_label_does_not_wait_for_a_signature() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.find(session, &[]);
    bench.card.set_key_time(true);
    let started = Instant::now();
    thread::scope(|scope| {
        let signing = scope.spawn(|| {
            let session = bench.open();
            bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text").unwrap();
            started.elapsed()
        });
        thread::sleep(std::time::Duration::from_millis(20));
        bench.find(session, &[]);
        bench.attribute(session, key, CKA_LABEL);
        bench.provider.token_info(0).unwrap();
        let reading = started.elapsed();
        let signing = signing.join().unwrap();
        assert!(reading < signing, "{reading:?} {signing:?}");
    });
}

#[test]
fn everything_at_once() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let session = bench.open();
                    bench.sign(session, &plain(CKM_ECDSA), key, &[7; 32]).unwrap();
                    bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]);
                    bench.provider.token_info(0).unwrap();
                    bench.provider.close_session(session).unwrap();
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                assert_eq!(bench.provider.slot_list(true), [0]);
                bench.attribute(session, key, CKA_ID);
                let _ = bench.provider.wait_for_slot_event(false);
            }
        });
    });
    assert_eq!(bench.provider.token_info(0).unwrap().ulSessionCount, 1);
}
