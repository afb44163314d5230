//! What the tests share: cards spoken to in hexadecimal, as sessions are written in the specifications.

#![allow(dead_code)]

pub(crate) mod terminal;

use crescendo_sim::SimCard;

pub(crate) const SELECT_PIV: &str = "00A404000BA00000030800001000010000";
pub(crate) const SELECT_ACA: &str = "00A4040007A000000079100000";
pub(crate) const SELECT_CARD_MANAGER: &str = "00A4040007A000000151000000";
pub(crate) const VERIFY_123456: &str = "0020008008313233343536FFFF";

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

pub(crate) fn say(card: &SimCard, apdu: &str) -> String {
    hex(&card.transmit(&bytes(apdu)))
}

/// Plays a session as the command reference, part 8.4 writes it: `>` commands, `<` answers.
pub(crate) fn replay(card: &SimCard, session: &str) {
    let mut answer = String::new();
    for line in session.lines().map(str::trim) {
        match line.split_at_checked(1) {
            Some((">", apdu)) => answer = say(card, apdu),
            Some(("<", expected)) => assert_eq!(answer, expected.trim(), "in\n{session}"),
            _ => {}
        }
    }
}

/// One command with short APDUs: chained if it must be, its answer fetched to the end.
pub(crate) fn send(card: &SimCard, head: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
    let [_, ins, p1, p2] = head;
    let mut blocks = data.chunks(255).peekable();
    let mut answer = if data.is_empty() { card.transmit(&head) } else { Vec::new() };
    while let Some(block) = blocks.next() {
        let last = blocks.peek().is_none();
        let cla = if last { head[0] } else { head[0] | 0x10 };
        let mut apdu = [&[cla, ins, p1, p2, block.len() as u8], block].concat();
        if last {
            apdu.push(0);
        }
        answer = card.transmit(&apdu);
    }
    let mut whole = Vec::new();
    loop {
        let status = u16::from_be_bytes([answer[answer.len() - 2], answer[answer.len() - 1]]);
        whole.extend_from_slice(&answer[..answer.len() - 2]);
        if status & 0xFF00 != 0x6100 {
            return (whole, status);
        }
        answer = card.transmit(&[0, 0xC0, 0, 0, status as u8]);
    }
}

pub(crate) fn object(card: &SimCard, tag: u32) -> (Vec<u8>, u16) {
    let tag = tag.to_be_bytes();
    send(card, [0, 0xCB, 0x3F, 0xFF], &[&[0x5C, 3], &tag[1..]].concat())
}

pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let head = match value.len() {
        len @ ..=0x7F => vec![tag, len as u8],
        len @ ..=0xFF => vec![tag, 0x81, len as u8],
        len => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [&head, value].concat()
}

/// GENERAL AUTHENTICATE with an empty response and one input; the result without its templates.
pub(crate) fn authenticate(
    card: &SimCard,
    algorithm: u8,
    key: u8,
    tag: u8,
    input: &[u8],
) -> Result<Vec<u8>, u16> {
    let template = tlv(0x7C, &[vec![0x82, 0], tlv(tag, input)].concat());
    match send(card, [0, 0x87, algorithm, key], &template) {
        (answer, 0x9000) => Ok(value(0x82, value(0x7C, &answer)).to_vec()),
        (_, status) => Err(status),
    }
}

pub(crate) fn value(tag: u8, object: &[u8]) -> &[u8] {
    assert_eq!(object[0], tag);
    let head = match object[1] {
        0x81 => 3,
        0x82 => 4,
        _ => 2,
    };
    &object[head..]
}
