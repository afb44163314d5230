//! BER-TLV (ISO 8825-1 as SP 800-73 uses it): borrowed, bounded, and never recursive by itself.
//!
//! Two readers, because PIV has two habits: templates of the application carry full BER tags (`7F49`, `5F2F`), while the
//! fields inside a container are single bytes read literally (`30` is a FASC-N there, not a SEQUENCE).

use zeroize::Zeroizing;

/// A tag of up to four bytes, as the number its bytes make.
pub(crate) type Tag = u32;

/// Walks data objects with BER tags. Ends at the end of the input, at padding (tag 00), or at the first malformed one.
pub(crate) fn ber(bytes: &[u8]) -> Objects<'_> {
    Objects { rest: bytes, read_tag: ber_tag, malformed: false }
}

/// Walks the fields of a container: one-byte tags, BER lengths.
pub(crate) fn fields(bytes: &[u8]) -> Objects<'_> {
    Objects { rest: bytes, read_tag: byte_tag, malformed: false }
}

/// The first object with this tag, BER tags.
pub(crate) fn find(bytes: &[u8], tag: Tag) -> Option<&[u8]> {
    ber(bytes).find(|(t, _)| *t == tag).map(|(_, value)| value)
}

/// The value, if `bytes` are exactly one data object with this tag.
pub(crate) fn only(bytes: &[u8], tag: Tag) -> Option<&[u8]> {
    let (found, rest) = ber_tag(bytes)?;
    let (length, value) = read_length(rest)?;
    (found == tag && length == value.len()).then_some(value)
}

/// Whether `bytes` are the start of one data object with this tag: at least so many bytes of it, or all of it.
pub(crate) fn begins(bytes: &[u8], tag: Tag, least: usize) -> bool {
    let parsed = ber_tag(bytes).and_then(|(found, rest)| Some((found, read_length(rest)?)));
    parsed.is_some_and(|(found, (length, value))| {
        found == tag && (value.len() == length || value.len() < length && bytes.len() >= least)
    })
}

/// What is here of the value of the data object at the start of `bytes`, which may be cut short.
pub(crate) fn start_of_value(bytes: &[u8]) -> &[u8] {
    let value = ber_tag(bytes).and_then(|(_, rest)| read_length(rest));
    value.map_or(&[], |(length, rest)| &rest[..length.min(rest.len())])
}

/// Appends one data object.
pub(crate) fn push(out: &mut Vec<u8>, tag: Tag, value: &[u8]) {
    push_header(out, tag, value.len());
    out.extend_from_slice(value);
}

/// Appends tag and length of a data object whose value follows.
pub(crate) fn push_header(out: &mut Vec<u8>, tag: Tag, length: usize) {
    let bytes = tag.to_be_bytes();
    out.extend(bytes.into_iter().skip_while(|byte| *byte == 0));
    push_length(out, length);
}

/// How many bytes a length takes.
pub(crate) fn length_of_length(length: usize) -> usize {
    match length {
        0..=0x7F => 1,
        0x80..=0xFF => 2,
        _ => 3,
    }
}

/// Appends a length.
pub(crate) fn push_length(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0x7F => out.push(length as u8),
        0x80..=0xFF => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
}

/// One data object in a buffer of its own, wiped when dropped.
pub(crate) fn object(tag: Tag, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() + 8));
    push(&mut out, tag, value);
    out
}

/// Reads a tag off the front.
type ReadTag = fn(&[u8]) -> Option<(Tag, &[u8])>;

pub(crate) struct Objects<'a> {
    rest: &'a [u8],
    read_tag: ReadTag,
    malformed: bool,
}

impl Objects<'_> {
    /// Whether the walk ended at something that is no data object.
    #[cfg(test)]
    fn malformed(&self) -> bool {
        self.malformed
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = (Tag, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.rest[0] == 0 {
            return None;
        }
        let parsed = (self.read_tag)(self.rest).and_then(|(tag, rest)| {
            let (length, rest) = read_length(rest)?;
            Some((tag, rest.split_at_checked(length)?))
        });
        if let Some((tag, (value, rest))) = parsed {
            self.rest = rest;
            return Some((tag, value));
        }
        self.malformed = true;
        self.rest = &[];
        None
    }
}

fn byte_tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    bytes.split_first().map(|(tag, rest)| (Tag::from(*tag), rest))
}

fn ber_tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut tag = Tag::from(first);
    if first & 0x1F != 0x1F {
        return Some((tag, rest));
    }
    for _ in 0..3 {
        let (&byte, after) = rest.split_first()?;
        (tag, rest) = (tag << 8 | Tag::from(byte), after);
        if byte & 0x80 == 0 {
            return Some((tag, rest));
        }
    }
    None
}

fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let count = match first {
        0..=0x7F => return Some((usize::from(first), rest)),
        0x81..=0x83 => usize::from(first & 0x0F),
        _ => return None,
    };
    let (length, rest) = rest.split_at_checked(count)?;
    Some((length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_long_tags_and_lengths() {
        let mut bytes = vec![0x7F, 0x49, 0x82, 0x01, 0x00];
        bytes.extend([7; 256]);
        bytes.extend([0x86, 0x01, 0x55]);
        let objects: Vec<_> = ber(&bytes).collect();
        assert_eq!(objects[0].0, 0x7F49);
        assert_eq!(objects[0].1.len(), 256);
        assert_eq!(objects[1], (0x86, &[0x55][..]));
        assert_eq!(start_of_value(&bytes[..9]), [7; 4], "cut short");
    }

    #[test]
    fn a_start_is_long_enough_or_the_whole() {
        let whole = [&[0x53, 10][..], &[7; 10]].concat();
        assert!(begins(&whole, 0x53, 80));
        assert!(begins(&whole[..8], 0x53, 8));
        assert!(!begins(&whole[..8], 0x53, 9), "cut short");
        assert!(!begins(&[&whole[..], &[0xFF]].concat(), 0x53, 8), "longer than it says");
        assert!(!begins(&whole, 0x7E, 8) && !begins(&[], 0x53, 0) && !begins(&[0x53], 0x53, 0));
    }

    #[test]
    fn stops_at_what_is_malformed() {
        for bytes in [&[0x53, 0x05, 1][..], &[0x53, 0x84, 0, 0, 0, 1, 0], &[0x7F, 0xFF, 0xFF, 0xFF, 0xFF]] {
            let mut objects = ber(bytes);
            assert_eq!(objects.next(), None);
            assert!(objects.malformed());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (ber(&bytes).count(), fields(&bytes).count(), start_of_value(&bytes).len());
        }

        #[test]
        fn written_is_read(tag in prop_oneof![Just(0x53u32), Just(0x5FC105), Just(0x7F49)], len in 0usize..7000) {
            let value = vec![0xA5; len];
            let written = object(tag, &value);
            prop_assert_eq!(find(&written, tag), Some(&value[..]));
        }
    }
}
