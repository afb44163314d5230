//! What a reader and its driver can carry (PC/SC part 10, 2.2, 2.6.14: features, and properties by TLV).

use ::pcsc::{Card, Protocol, ctl_code};

/// The longest command with a short Lc and Le (ISO 7816-4).
const SHORT: usize = 4 + 1 + 255 + 1;
/// Beside its data, a command with extended Lc and Le has so many bytes.
const EXTENDED_REST: usize = 4 + 3 + 2;
/// The most data a command can have.
const MOST_DATA: usize = 0xFFFF;
/// A driver that says so much or less means short APDUs: the whole command, header and all, fits in there.
const NOT_EXTENDED: usize = SHORT;

const FEATURE_GET_TLV_PROPERTIES: u8 = 0x12;
const DW_MAX_APDU_DATA_SIZE: u8 = 0x0A;
/// More than any reader has to say.
const LONGEST_ANSWER: usize = 512;

/// The longest command APDU that reaches this card in one piece. Extended ones are not for T=0 (ISO 7816-4, 5.2, wraps
/// them in ENVELOPE); where a driver does not tell, T=1 carries them.
pub(super) fn max_command(card: &Card) -> usize {
    let protocol = card.status2_owned().ok().and_then(|status| status.protocol2());
    if protocol == Some(Protocol::T1) { longest(max_apdu_data_size(card)) } else { SHORT }
}

fn longest(max_apdu_data_size: Option<usize>) -> usize {
    match max_apdu_data_size {
        Some(data) if data <= NOT_EXTENDED => SHORT,
        data => data.unwrap_or(MOST_DATA).min(MOST_DATA) + EXTENDED_REST,
    }
}

/// How much data in a command the driver says it takes, if it says so.
fn max_apdu_data_size(card: &Card) -> Option<usize> {
    let get_feature_request = ctl_code(3400).try_into().ok()?;
    let features = control(card, get_feature_request)?;
    let code = number(find(&features, FEATURE_GET_TLV_PROPERTIES)?.iter().copied())?;
    let properties = control(card, code)?;
    number(find(&properties, DW_MAX_APDU_DATA_SIZE)?.iter().rev().copied())
}

/// What the driver answers; a driver that does not know the question refuses it, and nothing else comes of it.
fn control(card: &Card, code: usize) -> Option<Vec<u8>> {
    let mut buffer = [0; LONGEST_ANSWER];
    card.control(code.try_into().ok()?, &[], &mut buffer).ok().map(<[u8]>::to_vec)
}

/// The first value with this tag in a row of tag, length, value, each length one byte.
fn find(mut row: &[u8], wanted: u8) -> Option<&[u8]> {
    while let [tag, length, rest @ ..] = row {
        let (value, after) = rest.split_at_checked((*length).into())?;
        if *tag == wanted {
            return Some(value);
        }
        row = after;
    }
    None
}

/// A number of at most 4 bytes, the highest first.
fn number(bytes: impl ExactSizeIterator<Item = u8>) -> Option<usize> {
    (1..=4).contains(&bytes.len()).then(|| bytes.fold(0, |number, byte| number << 8 | usize::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_have_their_codes_highest_byte_first() {
        let features = [0x06, 4, 0x42, 0x33, 0, 6, 0x12, 4, 0x42, 0x33, 0, 0x12];
        let code = find(&features, FEATURE_GET_TLV_PROPERTIES).unwrap();
        assert_eq!(number(code.iter().copied()), Some(0x4233_0012));
        assert_eq!(find(&features, 0x13), None);
    }

    #[test]
    fn properties_have_their_values_lowest_byte_first() {
        let properties = [1, 2, 0, 0, 0x0A, 4, 0, 0, 1, 0, 0x0B, 2, 0x0C, 5];
        let size = find(&properties, DW_MAX_APDU_DATA_SIZE).unwrap();
        assert_eq!(number(size.iter().rev().copied()), Some(0x1_0000));
    }

    #[test]
    fn what_is_cut_off_says_nothing() {
        for broken in [&[][..], &[0x12], &[0x12, 4, 0x42], &[1, 200, 0, 0x12, 1, 0], &[0x0A, 5, 0, 0, 0, 0]] {
            assert_eq!(find(broken, 0x12).or(find(broken, 0x0A)), None, "{broken:?}");
        }
        assert_eq!(number([0; 5].into_iter()), None);
        assert_eq!(number([0; 0].into_iter()), None);
    }

    #[test]
    fn commands_are_as_long_as_the_driver_says() {
        assert_eq!(longest(None), 65544);
        assert_eq!(longest(Some(0x1_0000)), 65544);
        assert_eq!(longest(Some(2048)), 2057);
        for short in [0, 255, 256, 261] {
            assert_eq!(longest(Some(short)), 261);
        }
    }
}
