//! Commands and answers of ISO 7816-4, as a card sees them.

/// One command APDU, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub cla: u8,
    pub ins: u8,
    pub p1: u8,
    pub p2: u8,
    pub data: Vec<u8>,
    /// Le, with 0 already read as the maximum of its form; `None` when there is none.
    pub expect: Option<usize>,
    /// Lc or Le came in the extended form.
    pub extended: bool,
}

impl Command {
    /// `None` for a length that no case of ISO 7816-3 has.
    pub(crate) fn parse(apdu: &[u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], body) = apdu.split_first_chunk()?;
        // Lc and Le of 00 fit no case, and cards take them where no application is named (command reference 8.4, T6).
        let body = if ins == 0xA4 && body == [0, 0] { &body[1..] } else { body };
        let extended = body.len() >= 3 && body[0] == 0;
        let (data, expect) = if extended { extended_body(&body[1..])? } else { short_body(body)? };
        Some(Self { cla, ins, p1, p2, data: data.to_vec(), expect, extended })
    }

    /// Bit 5 of CLA: more blocks of this command follow.
    pub(crate) fn is_chained(&self) -> bool {
        self.cla & 0x10 != 0
    }

    /// Bits 4 and 3 of CLA: secure messaging of some kind.
    pub(crate) fn is_protected(&self) -> bool {
        self.cla & 0x0C != 0
    }

    /// Whether a block belongs to the command that `self` began.
    pub(crate) fn continues(&self, block: &Self) -> bool {
        let head = |command: &Self| (command.cla & !0x10, command.ins, command.p1, command.p2);
        head(self) == head(block)
    }
}

fn short_body(body: &[u8]) -> Option<(&[u8], Option<usize>)> {
    let le = |byte: u8| Some(if byte == 0 { 0x100 } else { usize::from(byte) });
    match body {
        [] => Some((&[], None)),
        [byte] => Some((&[], le(*byte))),
        [lc, rest @ ..] => match rest.split_at_checked(usize::from(*lc).max(1))? {
            (data, []) if *lc > 0 => Some((data, None)),
            (data, [byte]) if *lc > 0 => Some((data, le(*byte))),
            _ => None,
        },
    }
}

fn extended_body(body: &[u8]) -> Option<(&[u8], Option<usize>)> {
    let (&length, rest) = body.split_first_chunk::<2>()?;
    let le = |bytes| Some(if bytes == [0, 0] { 0x1_0000 } else { usize::from(u16::from_be_bytes(bytes)) });
    if rest.is_empty() {
        return Some((&[], le(length)));
    }
    let lc = usize::from(u16::from_be_bytes(length));
    match rest.split_at_checked(lc)? {
        (data, []) if lc > 0 => Some((data, None)),
        (data, &[high, low]) if lc > 0 => Some((data, le([high, low]))),
        _ => None,
    }
}

/// What a command answers, before it is cut to what the reader asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub data: Vec<u8>,
    pub status: u16,
    /// A choice of ours where nothing is known of the hardware ([SIM] in the command reference, part 8).
    pub sim: bool,
}

impl Answer {
    pub(crate) fn data(data: Vec<u8>) -> Self {
        Self { data, status: 0x9000, sim: false }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { data: Vec::new(), status, sim: false }
    }

    pub(crate) fn sim(self) -> Self {
        Self { sim: true, ..self }
    }

    pub(crate) fn sim_if(self, sim: bool) -> Self {
        Self { sim: self.sim || sim, ..self }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.data;
        bytes.extend(self.status.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(apdu: &[u8]) -> Option<(Vec<u8>, Option<usize>, bool)> {
        Command::parse(apdu).map(|command| (command.data, command.expect, command.extended))
    }

    #[test]
    fn the_four_cases_short() {
        assert_eq!(parse(&[0, 0x20, 0, 0x80]), Some((vec![], None, false)));
        assert_eq!(parse(&[0, 0xC0, 0, 0, 0x20]), Some((vec![], Some(0x20), false)));
        assert_eq!(parse(&[0, 0xC0, 0, 0, 0]), Some((vec![], Some(0x100), false)));
        assert_eq!(parse(&[0, 0xCB, 0, 0, 2, 8, 9]), Some((vec![8, 9], None, false)));
        assert_eq!(parse(&[0, 0xCB, 0, 0, 2, 8, 9, 0x50]), Some((vec![8, 9], Some(0x50), false)));
    }

    #[test]
    fn the_three_cases_extended() {
        assert_eq!(parse(&[0, 0xCB, 0, 0, 0, 1, 0]), Some((vec![], Some(0x100), true)));
        assert_eq!(parse(&[0, 0xCB, 0, 0, 0, 0, 1, 8]), Some((vec![8], None, true)));
        assert_eq!(parse(&[0, 0xCB, 0, 0, 0, 0, 1, 8, 0, 0]), Some((vec![8], Some(0x1_0000), true)));
    }

    #[test]
    fn lengths_that_fit_no_case() {
        for apdu in
            [&[0, 0x20, 0][..], &[0, 0x20, 0, 0, 2, 1], &[0, 0x20, 0, 0, 1, 1, 0, 0], &[0, 0x20, 0, 0, 0, 0]]
        {
            assert_eq!(parse(apdu), None, "{apdu:02X?}");
        }
        assert_eq!(parse(&[0, 0xCB, 0, 0, 0, 0, 2, 8]), None);
        assert_eq!(parse(&[0, 0xCB, 0, 0, 0, 0, 1, 8, 0]), None);
    }
}
