//! BER-TLV as far as a PIV card needs it: any tag when writing, tags of one byte when reading.

/// Writes one object; a tag of several bytes is given as the number it reads as (`7F66`, `5F2F`).
pub(crate) fn tlv(tag: u32, value: &[u8]) -> Vec<u8> {
    let significant = tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0);
    let mut object: Vec<u8> = significant.collect();
    object.extend(length(value.len()));
    object.extend_from_slice(value);
    object
}

fn length(len: usize) -> Vec<u8> {
    match u16::try_from(len).expect("no object of a card exceeds 64 KiB").to_be_bytes() {
        [0, low @ ..=0x7F] => vec![low],
        [0, low] => vec![0x81, low],
        [high, low] => vec![0x82, high, low],
    }
}

/// The objects of a template in their order; `None` when the bytes do not come out even.
pub(crate) fn objects(mut bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, value, rest) = first(bytes)?;
        found.push((tag, value));
        bytes = rest;
    }
    Some(found)
}

/// The value of the one object that `bytes` must be.
pub(crate) fn only(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    match first(bytes)? {
        (found, value, []) if found == tag => Some(value),
        _ => None,
    }
}

/// The value behind a length that has no tag before it and nothing after it.
pub(crate) fn behind_length(bytes: &[u8]) -> Option<&[u8]> {
    let (value, rest) = value(bytes)?;
    rest.is_empty().then_some(value)
}

fn first(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (value, rest) = value(rest)?;
    Some((tag, value, rest))
}

fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&head, rest) = bytes.split_first()?;
    let (len, rest) = match head {
        ..=0x7F => (usize::from(head), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_change_form_at_80_and_100() {
        for (len, head) in
            [(0x7F, &[0x53, 0x7F][..]), (0x80, &[0x53, 0x81, 0x80]), (0x100, &[0x53, 0x82, 1, 0])]
        {
            let object = tlv(0x53, &vec![7; len]);
            assert_eq!(&object[..head.len()], head);
            assert_eq!(only(0x53, &object), Some(&vec![7; len][..]));
        }
    }

    #[test]
    fn cut_and_trailing_bytes_are_refused() {
        assert_eq!(only(0x53, &[0x53, 2, 1]), None);
        assert_eq!(only(0x53, &[0x53, 1, 1, 0]), None);
        assert_eq!(objects(&[0x82, 0, 0x81]), None);
        assert_eq!(objects(&[0x82, 0x83, 0, 0, 1, 9]), None);
    }

    #[test]
    fn tags_of_two_bytes_are_written() {
        assert_eq!(tlv(0x7F66, &[1]), [0x7F, 0x66, 1, 1]);
    }
}
