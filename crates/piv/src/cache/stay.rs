//! When objects were looked at, by stays of the card in a reader: a look in one process spares another one its own.

use std::{collections::BTreeMap, time::Duration};

use sha2::{Digest, Sha256};

use super::Content;
use crate::ObjectId;

/// The looks in one stay of the card in a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) name: StayName,
    /// When, by the clock since boot (a stay ends with it), and at which content.
    pub(super) looks: BTreeMap<ObjectId, (Duration, Mark)>,
}

/// Tells stays apart: a hash, so that what is stored names no reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StayName(pub(super) [u8; 16]);

impl StayName {
    pub(super) fn of(insertion: &str) -> Self {
        Self(start(Sha256::digest(insertion)))
    }
}

/// Tells the contents of one object apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(pub(super) [u8; 8]);

pub(super) fn mark(content: &Content) -> Mark {
    match content {
        Some(answer) => Mark(start(Sha256::digest(answer))),
        None => Mark([0; 8]),
    }
}

fn start<const N: usize>(hash: impl AsRef<[u8]>) -> [u8; N] {
    *hash.as_ref().first_chunk().expect("a hash has 32 bytes")
}
