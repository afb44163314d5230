//! The whole key at the wire of a host that is the test itself: what a kernel, a HID driver and a CCID driver ask of it.

mod usb_host;

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use crescendo_sim::key::{Profile, Version};
use crescendo_sim::usb::UsbKey;
use crescendo_sim::{Personality, SimCard, fixture};
use proptest::collection::vec;
use proptest::prelude::*;
use usb_host::*;

const SELECT_PIV: &[u8] = b"\x00\xA4\x04\x00\x0B\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00\x00";

fn key() -> (UsbKey, Host) {
    let key = UsbKey::new(Profile::reference(7), &SimCard::new(Personality::key_v3()));
    let host = Host::new(&key);
    (key, host)
}

/// The card has power: its block numbers begin at nought.
fn powered(host: &Host) -> Port {
    let mut port = host.port();
    let atr = port.ccid(0x62, 1, [0; 3], &[]);
    assert_eq!(atr[10..], *b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF");
    port
}

#[test]
fn it_is_enumerated_as_a_security_key_and_a_card_reader() {
    let (_, host) = key();
    let mut port = host.port();
    assert_eq!(port.ids(), [0x1209, 0x0001]);
    assert_eq!(port.descriptor(1, 0, 0).unwrap()[12..14], [0x00, 0x01], "bcdDevice");
    assert_eq!(
        [1, 2, 3].map(|n| port.string(n)),
        ["Crescendo project (virtual)", "Virtual Crescendo Key", "C55245464552454E43452D4B45590007"]
    );
    let short = port.control(0x80, 0x06, 0x0200, 0, 9).unwrap();
    let whole = port.descriptor(2, 0, 0).unwrap();
    assert_eq!((short.len(), usize::from(short[2]), whole[4]), (9, whole.len(), 2));
    assert_eq!(port.control(0x00, 0x09, 1, 0, 0), Ok(vec![]));
    assert_eq!(port.control(0x80, 0x08, 0, 0, 1), Ok(vec![1]));
    assert_eq!(port.control(0x81, 0x06, 0x2200, 0, 255).unwrap()[..3], [0x06, 0xD0, 0xF1]);
    assert_eq!(port.control(0x21, 0x0A, 0, 0, 0), Ok(vec![]), "SET_IDLE");
    assert_eq!(port.control(0x80, 0x00, 0, 0, 2), Ok(vec![0, 0]), "GET_STATUS");
}

#[test]
fn what_it_does_not_know_stalls_and_nothing_else_suffers() {
    let (_, host) = key();
    let mut port = host.port();
    for (kind, request, value, index) in [
        (0x80, 0x06, 0x0600, 0),
        (0x80, 0x06, 0x0F00, 0),
        (0x80, 0x06, 0x03EE, 0),
        (0x80, 0x06, 0x0309, 0x0409),
        (0xC0, 0x20, 0, 4),
        (0x81, 0x06, 0x2200, 1),
        (0x81, 0x06, 0x2200, 2),
        (0xA1, 0x01, 0x0100, 0),
        (0xA1, 0x03, 0, 0),
        (0xA1, 0x02, 0, 1),
        (0x82, 0x00, 0, 9),
        (0x00, 0x09, 2, 0),
    ] {
        assert_eq!(
            port.control(kind, request, value, index, 16),
            Err(STALL),
            "{kind:02X} {request:02X} {value:04X}"
        );
    }
    assert_eq!(port.read(5, 64), Err(-2), "there is no such endpoint");
    port.channel();
}

#[test]
fn an_endpoint_is_halted_until_that_is_cleared() {
    let (_, host) = key();
    let mut port = host.port();
    assert_eq!(port.control(0x02, 0x03, 0, 0x82, 0), Ok(vec![]));
    assert_eq!(port.control(0x82, 0x00, 0, 0x82, 2), Ok(vec![1, 0]));
    assert_eq!(port.read(2, 271), Err(STALL));
    assert_eq!(port.control(0x02, 0x01, 0, 0x82, 0), Ok(vec![]));
    assert_eq!(port.ccid(0x65, 3, [0; 3], &[]), [0x81, 0, 0, 0, 0, 0, 3, 1, 0, 0]);
}

#[test]
fn ctaphid_goes_over_the_interrupt_endpoints() {
    let (_, host) = key();
    let mut port = host.port();
    let channel = port.channel();
    let (command, info) = port.call(channel, 0x10, &[0x04]);
    assert_eq!((command, info[0]), (0x10, 0));
    assert!(info.windows(16).any(|window| window == b"crescendo-sim-01"));
    let long: Vec<u8> = (0..1000u32).map(|n| n as u8).collect();
    assert_eq!(port.call(channel, 0x01, &long), (0x01, long), "PING");
}

#[test]
fn the_card_answers_in_blocks_of_t1() {
    let (_, host) = key();
    let mut port = powered(&host);
    assert_eq!(port.read(3, 8), Ok(vec![0x50, 0x03]), "a card is there");
    let parameters = port.ccid(0x6C, 2, [0; 3], &[]);
    assert_eq!(parameters, [0x82, 7, 0, 0, 0, 0, 2, 0, 0, 1, 0x96, 0x10, 0xFF, 0x4D, 0x03, 0xFE, 0x00]);
    assert_eq!(port.block(0xC1, &[0xFE]), (0xE1, vec![0xFE]));
    let (pcb, selected) = port.block(0x00, SELECT_PIV);
    assert_eq!((pcb, &selected[..2]), (0x00, &[0x61, 0x11][..]));
    assert_eq!(selected[selected.len() - 2..], [0x90, 0x00]);
    let (pcb, certificate) = port.block(0x40, b"\x00\xCB\x3F\xFF\x05\x5C\x03\x5F\xC1\x05\x00");
    assert_eq!((pcb, certificate.len()), (0x60, 254), "256 and two bytes of status are two blocks");
    let (pcb, rest) = port.block(0x80, &[]);
    assert_eq!((pcb, rest.len(), rest[2]), (0x00, 4, 0x61));
}

#[test]
fn a_card_that_computes_keeps_the_host_waiting_and_asks_for_time() {
    let card = SimCard::new(Personality::key_v3());
    card.set_key_time(true);
    card.install(0x9A, fixture::named("rsa-4096").unwrap()).unwrap();
    let host = Host::new(&UsbKey::new(Profile::reference(1), &card));
    let mut port = powered(&host);
    port.block(0x00, SELECT_PIV);
    port.block(0x40, b"\x00\x20\x00\x80\x08123456\xFF\xFF");
    let template = [&b"\x7C\x82\x02\x06\x82\x00\x81\x82\x02\x00\x00\x01"[..], &[0xFF; 509], &[0]].concat();
    let mut pcb = 0x00;
    let blocks = template.chunks(240).enumerate();
    for (n, part) in blocks {
        let cla = if n == 2 { 0x00 } else { 0x10 };
        let apdu = [&[cla, 0x87, 0x04, 0x9A, part.len() as u8][..], part].concat();
        port.ccid_send(0x6F, 0, [0; 3], &block(pcb, &apdu));
        pcb ^= 0x40;
        if n < 2 {
            assert_eq!(unblock(&port.read(2, 271).unwrap()).1, [0x90, 0x00]);
        }
    }
    let (mut extensions, mut grants) = (0, 0);
    let answer = loop {
        let message = port.read(2, 271).unwrap();
        if message[7] & 0xC0 == 0x80 {
            extensions += 1;
            continue;
        }
        let (pcb, information) = unblock(&message);
        if pcb != 0xC3 {
            break information;
        }
        grants += 1;
        port.ccid_send(0x6F, 0, [0; 3], &block(0xE3, &information));
    };
    assert_eq!(answer[..4], [0x7C, 0x82, 0x02, 0x04]);
    assert!(extensions >= 3 && grants >= 2, "{extensions} extensions, {grants} times granted");
}

#[test]
fn messages_that_are_none_are_refused_one_by_one() {
    let (_, host) = key();
    let mut port = host.port();
    let failed = |message: &[u8]| (message[7] & 0xC0, message[8]);
    assert_eq!(failed(&port.ccid(0x6F, 1, [0; 3], &[0, 0, 0, 0])), (0x40, 0xFE), "the card has no power");
    assert_eq!(failed(&port.ccid(0x62, 2, [1, 0, 0], &[])), (0x40, 7), "5 V");
    assert_eq!(failed(&port.ccid(0x6B, 3, [0; 3], &[1])), (0x40, 0), "Escape");
    assert_eq!(failed(&port.ccid(0x73, 4, [0; 3], &[])), (0x40, 0));
    port.write(2, &[0x65, 0, 0, 0, 0, 1, 5, 0, 0, 0]).unwrap();
    assert_eq!(failed(&port.read(2, 271).unwrap()), (0x40, 5), "there is one slot");
    port.write(2, &[0x65, 9, 0, 0, 0, 0, 6, 0, 0, 0]).unwrap();
    assert_eq!(failed(&port.read(2, 271).unwrap()), (0x40, 1));
    port.write(2, &[0x65, 9]).unwrap();
    assert_eq!(failed(&port.read(2, 271).unwrap()), (0x40, 1));
    port.write(2, &[&[0x65, 0x22, 1, 0, 0][..], &[0; 295]].concat()).unwrap();
    assert_eq!(failed(&port.read(2, 271).unwrap()), (0x40, 1), "longer than a message may be");
    assert_eq!(port.ccid(0x62, 7, [2, 0, 0], &[])[7], 0, "3 V");
    assert_eq!(failed(&port.ccid(0x61, 8, [0; 3], &[0; 5])), (0x40, 7), "T=0");
    assert_eq!(port.ccid(0x61, 9, [1, 0, 0], &[0x96, 0x10, 0, 0x4D, 0, 0xFE, 0])[7], 0);
    assert_eq!(port.ccid(0x63, 10, [0; 3], &[]), [0x81, 0, 0, 0, 0, 0, 10, 1, 0, 0]);
}

#[test]
fn a_command_is_aborted_by_both_of_its_halves() {
    let card = SimCard::new(Personality::key_v3());
    let host = Host::new(&UsbKey::new(Profile::reference(1), &card));
    let mut port = powered(&host);
    assert_eq!(port.control(0x21, 0x01, 0x0500, 1, 0), Ok(vec![]));
    let refused = port.ccid(0x6F, 5, [0; 3], &block(0x00, SELECT_PIV));
    assert_eq!(refused[7..9], [0x40, 0xFF]);
    assert_eq!(port.ccid(0x72, 5, [0; 3], &[]), [0x81, 0, 0, 0, 0, 0, 5, 0, 0, 0]);
    assert_eq!(port.block(0x00, SELECT_PIV).0, 0x00);
}

#[test]
fn a_card_that_moves_is_told_of_and_has_lost_its_power() {
    let (key, host) = key();
    let mut port = powered(&host);
    assert_eq!(port.read(3, 8), Ok(vec![0x50, 0x03]));
    let notice = port.poll(3, 8);
    assert_eq!(key.command("pull"), "ok");
    assert_eq!(port.end_of(notice), Ok(vec![0x50, 0x02]));
    assert_eq!(port.ccid(0x65, 1, [0; 3], &[])[7], 2);
    assert_eq!(key.command("insert"), "ok");
    assert_eq!(port.read(3, 8), Ok(vec![0x50, 0x03]));
    assert_eq!(port.ccid(0x65, 1, [0; 3], &[])[7], 1);
}

#[test]
fn an_unlinked_transfer_gets_nothing_any_more() {
    let (_, host) = key();
    let mut port = host.port();
    let waiting = port.poll(1, 64);
    assert_eq!(port.unlink(waiting), -104);
    assert_eq!(port.unlink(waiting), 0, "there is none such any more");
    port.channel();
}

#[test]
fn transfers_beyond_reason_are_refused_and_the_next_one_is_read_right() {
    let (_, host) = key();
    let mut port = host.port();
    assert_eq!(port.write(2, &vec![0; 0x1_0001]), Err(-22));
    assert_eq!(port.write(1, &[0; 65]), Err(-71));
    assert_eq!(port.ids(), [0x1209, 0x0001]);
}

#[test]
fn a_host_that_hangs_up_or_speaks_nonsense_has_pulled_it_out() {
    let (key, host) = key();
    drop(host.port());
    assert!(host.is_quiet());
    assert_eq!(key.command("info"), "ok mode=away firmware=none good=1.0.0+0 counter=1 flags=00");
    key.plug();
    let mut port = host.port();
    port.stream.write_all(&[0xEE; 48]).unwrap();
    assert!(port.leaves());
    key.plug();
    assert_eq!(host.port().ids(), [0x1209, 0x0001]);
}

#[test]
fn unplugged_it_is_gone_and_card_and_key_forget_what_they_knew() {
    let (key, host) = key();
    let mut port = powered(&host);
    port.block(0x00, SELECT_PIV);
    port.block(0x40, b"\x00\x20\x00\x80\x08123456\xFF\xFF");
    assert!(key.card().verified());
    assert_eq!(key.command("unplug"), "ok");
    assert!(port.leaves());
    assert!(host.is_quiet());
    assert!(!key.card().verified());
    assert_eq!(key.command("plug"), "ok");
    let mut port = host.port();
    assert_eq!(port.ccid(0x65, 1, [0; 3], &[])[7], 1, "no power");
    port.channel();
}

#[test]
fn a_press_of_the_button_has_it_come_back_in_update_mode() {
    let (key, host) = key();
    assert_eq!(key.command("button manual"), "ok");
    let mut port = powered(&host);
    let channel = port.channel();
    let request = [&[0xAB; 16][..], &[0xCD; 32], &[30]].concat();
    port.say(channel, 0x61, &request);
    assert_eq!(port.hear(), (0x3B, vec![2]));
    assert_eq!(key.command("led"), "ok update-presence");
    assert_eq!(key.command("press"), "ok");
    let answer = std::iter::repeat_with(|| port.hear()).find(|(command, _)| *command != 0x3B);
    assert_eq!(answer, Some((0x61, vec![])));
    let asked = std::time::Instant::now();
    assert!(port.leaves());

    let mut port = host.port();
    assert!(asked.elapsed().as_millis() < 500, "{:?}", asked.elapsed());
    assert_eq!(port.ids(), [0x1209, 0x0002]);
    assert_eq!(port.descriptor(2, 0, 0).unwrap()[4], 1, "no card reader");
    assert_eq!(port.control(0x81, 0x06, 0x2200, 0, 255).unwrap()[..3], [0x06, 0xC0, 0xFF]);
    assert_eq!(port.string(3), "C55245464552454E43452D4B45590007");
    assert_eq!(port.read(2, 271), Err(-2));
    let channel = port.channel();
    let (_, info) = port.call(channel, 0x60, &[]);
    assert_eq!((info[1], &info[info.len() - 16..]), (1, &[0xAB; 16][..]));
    assert_eq!(port.call(channel, 0x65, &[0]).0, 0x65);
    assert!(port.leaves());
    assert_eq!(host.port().ids(), [0x1209, 0x0001]);
}

#[test]
fn it_is_pulled_or_loses_its_power_at_a_report() {
    let (key, host) = key();
    let mut port = host.port();
    assert_eq!(key.command("fault report 4 power"), "ok");
    let channel = port.channel();
    port.say(channel, 0x10, &[0x04]);
    assert!(port.leaves(), "at the second report to the host");
    let mut port = host.port();
    assert_eq!(key.command("fault report 1 unplug"), "ok");
    port.submit(1, 0, [0; 8], &[0xFF; 64]);
    assert!(port.leaves());
    assert!(host.is_quiet());
}

#[test]
fn a_key_without_firmware_comes_up_in_update_mode() {
    let card = SimCard::new(Personality::key_v3());
    let key = UsbKey::new(Profile::without_firmware(1), &card);
    let host = Host::new(&key);
    assert_eq!(host.port().ids(), [0x1209, 0x0002]);
    assert_eq!(key.key().good(), None::<Version>);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_host_harms_it(
        transfers in vec((any::<u8>(), any::<[u8; 8]>(), vec(any::<u8>(), 0..300)), 0..20),
        rest in vec(any::<u8>(), 0..200),
    ) {
        let key = UsbKey::new(Profile::reference(1), &SimCard::new(Personality::key_v3()));
        let (device, kernel) = UnixStream::pair().unwrap();
        let mut port = Port::new(kernel);
        for (address, setup, data) in &transfers {
            port.submit(address & 0x83, 271, *setup, data);
        }
        port.stream.write_all(&rest).unwrap();
        port.stream.shutdown(Shutdown::Write).unwrap();
        key.serve(device).unwrap();
        key.plug();
        prop_assert_eq!(Host::new(&key).port().ids(), [0x1209, 0x0001]);
    }
}
