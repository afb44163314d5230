//! What a channel does with answers that are not the card's, and with commands that are not for it.

use proptest::prelude::*;

use super::*;
use crate::{
    Error,
    channel::{AesKey, ChannelError, SecureChannel, SessionKeys, card::Card},
};

/// A channel and the card at its other end.
fn pair(suite: Suite) -> (SecureChannel, Card) {
    let length = if suite == Suite::Cs2 { 16 } else { 32 };
    let keys = [1, 2, 3].map(|key| vec![key; length]);
    let [mac, enc, rmac] = keys.each_ref().map(|key| AesKey::new(key));
    let mut channel = SecureChannel::new(SessionKeys { mac, enc, rmac });
    channel.trust();
    (channel, Card::with(&keys))
}

fn get_data() -> Command {
    Command::new(0xCB, 0x3F, 0xFF).data(Zeroizing::new(hex("5C035FC102"))).expect(0)
}

fn verify() -> Command {
    Command::new(0x20, 0x00, 0x80).data(Zeroizing::new(b"123456\xFF\xFF".to_vec()))
}

/// A channel that has sent a command, and an answer of so many bytes to it.
fn awaiting(suite: Suite, length: usize) -> (SecureChannel, Response) {
    let (mut channel, mut card) = pair(suite);
    assert!(card.open(&channel.protect(get_data()).unwrap()).is_some());
    let answer = card.answer(&vec![0xA5; length], 0x9000);
    (channel, answer)
}

fn why<T>(result: Result<T, Error>) -> ChannelError {
    match result {
        Err(Error::Channel(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was taken"),
    }
}

/// Whether the channel is over, and has no keys.
fn has_ended(channel: &mut SecureChannel) -> bool {
    let gone = !channel.is_open() && channel.session.is_none();
    gone && why(channel.protect(get_data())) == ChannelError::Ended
        && why(channel.unprotect(response(vec![], 0x9000))) == ChannelError::Ended
}

#[test]
fn every_flipped_bit_of_an_answer_is_refused() {
    for suite in SUITES {
        for length in [0, 1, 40, 300] {
            let (_, answer) = awaiting(suite, length);
            for bit in 0..answer.data.len() * 8 {
                let (mut channel, mut answer) = awaiting(suite, length);
                answer.data[bit / 8] ^= 1 << (bit % 8);
                assert!(channel.unprotect(answer).is_err(), "bit {bit} of {length}");
                assert!(has_ended(&mut channel));
            }
        }
    }
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    for suite in SUITES {
        let (_, whole) = awaiting(suite, 40);
        for length in 0..whole.data.len() {
            for range in [0..length, length + 1..whole.data.len()] {
                let (mut channel, mut answer) = awaiting(suite, 40);
                answer.data = Zeroizing::new(whole.data[range].to_vec());
                assert!(channel.unprotect(answer).is_err());
                assert!(has_ended(&mut channel));
            }
        }
        for position in 0..=whole.data.len() {
            let (mut channel, mut answer) = awaiting(suite, 40);
            answer.data.insert(position, 0x00);
            assert!(channel.unprotect(answer).is_err());
        }
    }
}

#[test]
fn objects_out_of_order_missing_or_twice_are_refused() {
    let (_, answer) = awaiting(Suite::Cs2, 20);
    let (cryptogram, rest) = answer.data.split_at(answer.data.len() - 14);
    let (status, checksum) = rest.split_at(4);
    for parts in [
        &[status, cryptogram, checksum][..],
        &[cryptogram, checksum, status],
        &[cryptogram, checksum],
        &[status, checksum],
        &[cryptogram, cryptogram, status, checksum],
        &[cryptogram, status, status, checksum],
        &[cryptogram, status, checksum, checksum],
        &[cryptogram, status],
        &[],
    ] {
        let (mut channel, _) = awaiting(Suite::Cs2, 20);
        assert!(channel.unprotect(response(parts.concat(), 0x9000)).is_err());
        assert!(has_ended(&mut channel));
    }
}

#[test]
fn a_replayed_answer_is_refused() {
    for suite in SUITES {
        let (mut channel, mut card) = pair(suite);
        card.open(&channel.protect(get_data()).unwrap()).unwrap();
        let first = card.answer(b"the same", 0x9000);
        let again = response(first.data.to_vec(), 0x9000);
        assert_eq!(*channel.unprotect(first).unwrap().data, *b"the same");
        channel.protect(get_data()).unwrap();
        assert_eq!(why(channel.unprotect(again)), ChannelError::Checksum);
        assert!(has_ended(&mut channel));
    }
}

#[test]
fn padding_that_is_none_is_refused_even_with_a_right_checksum() {
    let vectors = file(Suite::Cs2);
    let rmac = AesKey::new(&at(&vectors, "/key_establishment/SK_RMAC"));
    let enc = AesKey::new(&at(&vectors, "/key_establishment/SK_ENC"));
    let iv = enc.encrypt_block(hex("80000000000000000000000000000001").try_into().unwrap());
    for (block, taken) in [([0x80; 16], true), ([0; 16], false), ([1; 16], false)] {
        let (mut channel, _) = establish(&vectors, Suite::Cs2);
        channel.protect(get_data()).unwrap();
        let mut objects = hex("871101");
        objects.extend(enc.encrypt_block(std::array::from_fn(|i| block[i] ^ iv[i])));
        objects.extend(hex("99029000"));
        let checksum = rmac.mac(&[&[0; 16], &objects]);
        tlv::push(&mut objects, 0x8E, &checksum[..8]);
        let result = channel.unprotect(response(objects, 0x9000));
        if taken {
            assert_eq!(result.unwrap().data.len(), 15);
        } else {
            assert_eq!(why(result), ChannelError::Padding);
        }
    }
}

#[test]
fn an_outer_status_ends_the_channel_and_an_inner_one_does_not() {
    for status in [0x6882, 0x6982, 0x6987, 0x6988, 0x6A82, 0x63C5, 0x6C10, 0x6100, 0x6F00] {
        let (mut channel, answer) = awaiting(Suite::Cs2, 8);
        let result = channel.unprotect(response(answer.data.to_vec(), status));
        assert_eq!(why(result), ChannelError::EndedBy(StatusWord(status)));
        assert!(has_ended(&mut channel));
    }
    let (mut channel, mut card) = pair(Suite::Cs7);
    for status in [0x6982, 0x63C5, 0x6A82, 0x6983, 0x9000] {
        card.open(&channel.protect(verify()).unwrap()).unwrap();
        let plain = channel.unprotect(card.answer(&[], status)).unwrap();
        assert_eq!((plain.status, plain.data.len()), (StatusWord(status), 0));
    }
    assert!(channel.is_open());
}

#[test]
fn a_lost_answer_ends_the_channel() {
    let (mut channel, _) = pair(Suite::Cs2);
    channel.protect(get_data()).unwrap();
    assert!(!channel.is_open());
    assert_eq!(why(channel.protect(get_data())), ChannelError::OutOfStep);
    assert!(has_ended(&mut channel));
    let (mut channel, _) = pair(Suite::Cs2);
    assert_eq!(why(channel.unprotect(response(vec![], 0x9000))), ChannelError::OutOfStep);
    assert!(has_ended(&mut channel));
}

#[test]
fn only_four_commands_are_carried() {
    for (cla, ins, p2) in
        [(0, 0xA4, 0), (0, 0x2C, 0x80), (0, 0xDB, 0xFF), (0, 0x47, 0x9A), (0, 0x87, 4), (0x80, 0xCB, 0xFF)]
    {
        let (mut channel, _) = pair(Suite::Cs2);
        let command = Command { cla, ..Command::new(ins, 0, p2) }.data(Zeroizing::new(vec![1; 8]));
        assert_eq!(why(channel.protect(command)), ChannelError::NotCarried);
        assert!(has_ended(&mut channel));
    }
}

#[test]
fn no_secret_goes_to_a_card_nobody_vouches_for() {
    let vectors = file(Suite::Cs2);
    for ins in [0x20, 0x24] {
        let (mut channel, _) = establish(&vectors, Suite::Cs2);
        let command = Command { ins, ..verify() };
        assert_eq!(why(channel.protect(command)), ChannelError::NotTrusted);
        assert!(has_ended(&mut channel));
    }
    let (mut channel, _) = establish(&vectors, Suite::Cs2);
    assert!(channel.protect(Command::new(0x20, 0x00, 0x80)).is_ok(), "an empty VERIFY tells nothing");
}

proptest! {
    #[test]
    fn what_one_side_protects_the_other_reads(
        cs7: bool,
        sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 1..6),
        status: u16,
    ) {
        let (mut channel, mut card) = pair(if cs7 { Suite::Cs7 } else { Suite::Cs2 });
        for data in sent {
            let command = Command::new(0x87, 0x07, 0x9A).data(Zeroizing::new(data.clone())).expect(0);
            let protected = channel.protect(command).unwrap();
            prop_assert_eq!((protected.cla, protected.ins, protected.p1, protected.p2, protected.expect), (0x0C, 0x87, 0x07, 0x9A, Some(0)));
            prop_assert_eq!(card.open(&protected), Some((data.clone(), true)));
            let plain = channel.unprotect(card.answer(&data, status)).unwrap();
            prop_assert_eq!((plain.data.to_vec(), plain.status.0), (data, status));
        }
    }

    #[test]
    fn any_bytes_for_an_answer_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (mut channel, _) = awaiting(Suite::Cs2, 8);
        prop_assert!(channel.unprotect(response(bytes, 0x9000)).is_err());
    }

    #[test]
    fn any_bytes_for_a_card_are_refused(cs7: bool, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let suite = if cs7 { Suite::Cs7 } else { Suite::Cs2 };
        let (_, pending) = Establishment::start(suite, &mut rand_core::OsRng).unwrap();
        prop_assert!(pending.finish(&response(bytes, 0x9000), Some(GUID)).is_err());
    }
}
