//! What happens between two looks at the readers and leaves them as they were: a USB key is a reader of its own, which
//! counts its cards afresh each time it is plugged in, and so does each pcscd.

mod common;

use std::sync::Arc;

use common::{
    Bench, PIN, READER, plain,
    trap::{Seam, Trap},
};
use crescendo_pkcs11::{Error, Function, Input, Provider, rv};
use cryptoki_sys::*;
use link::LinkError;
use piv::Environment;
use sim::{Faults, Personality, SimCard, SimClock, SimReaders, SimStore, What};

fn bench(card: &SimCard) -> (Bench, Trap) {
    let readers = SimReaders::with(READER, card);
    let trap = Trap::over(readers.clone());
    let (store, clock) = (SimStore::default(), SimClock::default());
    let environment = Environment::new(Arc::new(store.clone()), Arc::new(clock.clone()));
    let provider = Provider::new(Arc::new(trap.clone()), environment.clone());
    (Bench { provider: Arc::new(provider), readers, card: card.clone(), environment, store, clock }, trap)
}

fn serial(bench: &Bench) -> [u8; 16] {
    bench.provider.token_info(0).unwrap().serialNumber
}

#[test]
fn a_program_without_sessions_does_not_notice() {
    let card = SimCard::new(Personality::piv());
    let (bench, trap) = bench(&card);
    let session = bench.login();
    bench.provider.close_session(session).unwrap();
    trap.restart();
    let session = bench.login();
    bench.provider.close_session(session).unwrap();
    bench.readers.unplug(READER);
    bench.readers.put(READER, &card);
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text").unwrap();
}

#[test]
fn another_card_is_shown_as_another() {
    let (first, second) = (Personality::piv(), Personality { guid: [7; 16], ..Personality::piv() });
    let (bench, _) = bench(&SimCard::new(first));
    assert_eq!(serial(&bench), *b"8A11000000000002");
    bench.readers.unplug(READER);
    bench.readers.put(READER, &SimCard::new(second));
    assert_eq!(serial(&bench), *b"0707070707070707");
}

#[test]
fn a_session_ends_with_the_connection_it_was_used_over() {
    let (bench, trap) = bench(&SimCard::new(Personality::piv()));
    let session = bench.open();
    bench.find(session, &[]);
    trap.restart();
    let login = |session| bench.provider.login(session, CKU_USER, &Input::borrowed(PIN));
    assert_eq!(rv(Function::Login, &login(session).unwrap_err()), CKR_DEVICE_REMOVED);
    assert!(matches!(login(session), Err(Error::SessionInvalid)));
    login(bench.open()).unwrap();
}

/// The look at a token's identity is its second APDU.
#[test]
fn a_damaged_answer_makes_no_other_card_of_it() {
    for what in [What::Garbage, What::Truncated, What::Oversized] {
        let bench = Bench::new(Personality::piv());
        bench.card.set_faults(Faults::at(2, what));
        assert_eq!(serial(&bench), *b"8A11000000000002");
    }
}

#[test]
fn a_card_whose_identity_cannot_be_read_is_a_card_without() {
    let damaged = SimCard::new(Personality::piv());
    damaged.set_object(0x5F_C102, Some(b"\x99\x03abc".to_vec()));
    let bench = Bench::over(damaged);
    let without = Bench::new(Personality { no_chuid: true, ..Personality::piv() });
    assert_eq!(serial(&bench), serial(&without));
}

/// The card has counted a wrong PIN, and a reset takes the verdict away: the PIN must not be sent again.
#[test]
fn a_wrong_pin_whose_verdict_was_lost_costs_one_try() {
    let card = SimCard::new(Personality::piv());
    let (bench, trap) = bench(&card);
    let session = bench.open();
    bench.provider.token_info(0).unwrap();
    let (other, mut apdus) = (card.clone(), 0);
    trap.set(move |seam| {
        apdus += u32::from(seam == Seam::Transmit);
        // The first is SELECT, the second VERIFY.
        if (seam, apdus) != (Seam::Transmit, 2) {
            return Ok(());
        }
        other.transmit(b"\x00\x20\x00\x80\x08999999\xFF\xFF");
        other.reset();
        Err(LinkError::Reset)
    });
    let refused = bench.provider.login(session, CKU_USER, &Input::borrowed(b"999999")).unwrap_err();
    assert_eq!(rv(Function::Login, &refused), CKR_DEVICE_ERROR);
    assert_eq!((card.tries().pin, card.counts().verifies), (2, 1));
}

/// A program dies that held the card, and pcscd resets it just after we connected.
#[test]
fn a_reset_while_we_connect_is_nothing_to_tell() {
    let (bench, trap) = bench(&SimCard::new(Personality::piv()));
    let mut connects = 0;
    trap.set(move |seam| {
        connects += u32::from(seam == Seam::Connect);
        if (seam, connects) == (Seam::Connect, 1) { Err(LinkError::Reset) } else { Ok(()) }
    });
    bench.login();
}
