//! One measurement, and the median of several.

use std::fmt;
use std::ops::Add;

/// What something cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// On the clock of whoever asked.
    pub(crate) milliseconds: f64,
    /// That reached the card.
    pub(crate) apdus: u64,
    /// Of commands and answers together.
    pub(crate) bytes: u64,
}

impl Add for Sample {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            milliseconds: self.milliseconds + other.milliseconds,
            apdus: self.apdus + other.apdus,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// `MILLISECONDS APDUS BYTES`, as [`parse`] takes it.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {} {}", self.milliseconds, self.apdus, self.bytes)
    }
}

/// One line of a client: its word is left out.
pub(crate) fn parse(line: &str) -> Option<Sample> {
    let mut parts = line.split(' ').skip(1);
    let milliseconds = parts.next()?.parse().ok()?;
    Some(Sample { milliseconds, apdus: parts.next()?.parse().ok()?, bytes: parts.next()?.parse().ok()? })
}

/// The median of each number for itself; of an odd number of samples.
pub(crate) fn median(samples: &[Sample]) -> Sample {
    let middle = samples.len() / 2;
    let mut milliseconds: Vec<_> = samples.iter().map(|sample| sample.milliseconds).collect();
    milliseconds.sort_by(f64::total_cmp);
    let count = |of: fn(&Sample) -> u64| {
        let mut counts: Vec<_> = samples.iter().map(of).collect();
        counts.sort_unstable();
        counts[middle]
    };
    Sample {
        milliseconds: milliseconds[middle],
        apdus: count(|sample| sample.apdus),
        bytes: count(|sample| sample.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let sample = Sample { milliseconds: 12.5, apdus: 8, bytes: 618 };
        assert_eq!(parse(&format!("sign:04:100 {sample}")), Some(sample));
        assert_eq!(parse("sign:04 12.5 8"), None);
    }

    #[test]
    fn the_median_is_in_the_middle_of_each() {
        let sample = |milliseconds, apdus| Sample { milliseconds, apdus, bytes: 0 };
        assert_eq!(median(&[sample(3.0, 5), sample(1.0, 9), sample(2.0, 4)]), sample(2.0, 5));
    }
}
