//! Versions, as MCUboot and the update protocol write them.

use std::{fmt, str::FromStr};

/// The version of an image. Ordered as part 1 of the protocol says: major, minor, revision, build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub revision: u16,
    /// The number behind the plus sign.
    pub build: u32,
}

/// The version of a bootloader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootloaderVersion {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number.
    pub revision: u16,
}

impl Version {
    /// As it goes over the wire: u8 u8 u16 u32, big-endian.
    pub(crate) fn to_wire(self) -> [u8; 8] {
        let Self { major, minor, revision, build } = self;
        let ([a, b], [c, d, e, f]) = (revision.to_be_bytes(), build.to_be_bytes());
        [major, minor, a, b, c, d, e, f]
    }

    pub(crate) fn from_wire([major, minor, a, b, c, d, e, f]: [u8; 8]) -> Self {
        let (revision, build) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
        Self { major, minor, revision, build }
    }

    /// As it stands in an image: the same, little-endian.
    pub(crate) fn to_image(self) -> [u8; 8] {
        let Self { major, minor, revision, build } = self;
        let ([a, b], [c, d, e, f]) = (revision.to_le_bytes(), build.to_le_bytes());
        [major, minor, a, b, c, d, e, f]
    }

    pub(crate) fn from_image([major, minor, a, b, c, d, e, f]: [u8; 8]) -> Self {
        let (revision, build) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f]));
        Self { major, minor, revision, build }
    }
}

impl BootloaderVersion {
    pub(crate) fn from_wire([major, minor, a, b]: [u8; 4]) -> Self {
        Self { major, minor, revision: u16::from_be_bytes([a, b]) }
    }

    pub(crate) fn from_image([major, minor, a, b]: [u8; 4]) -> Self {
        Self { major, minor, revision: u16::from_le_bytes([a, b]) }
    }

    pub(crate) fn to_image(self) -> [u8; 4] {
        let [a, b] = self.revision.to_le_bytes();
        [self.major, self.minor, a, b]
    }
}

/// As in `3.1.4+7`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, revision, build } = self;
        write!(f, "{major}.{minor}.{revision}+{build}")
    }
}

/// As in `1.0.0`.
impl fmt::Display for BootloaderVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, revision } = self;
        write!(f, "{major}.{minor}.{revision}")
    }
}

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoVersion;

impl fmt::Display for NoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a version is written as in 3.1.4 or 3.1.4+7, with numbers up to 255, 255, 65535 and 4294967295",
        )
    }
}

impl std::error::Error for NoVersion {}

/// `3.1.4+7`; without a build it is 0.
impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let (numbers, build) = text.split_once('+').unwrap_or((text, "0"));
        let BootloaderVersion { major, minor, revision } = numbers.parse()?;
        Ok(Self { major, minor, revision, build: number(build)? })
    }
}

impl FromStr for BootloaderVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let numbers: Vec<_> = text.split('.').collect();
        let [major, minor, revision] = numbers[..] else { return Err(NoVersion) };
        Ok(Self { major: number(major)?, minor: number(minor)?, revision: number(revision)? })
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, NoVersion> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NoVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn read_and_written() {
        assert_eq!(version("3.1.4+7"), Version { major: 3, minor: 1, revision: 4, build: 7 });
        assert_eq!(version("3.1.4").to_string(), "3.1.4+0");
        assert_eq!("1.0.258".parse::<BootloaderVersion>().unwrap().to_image(), [1, 0, 2, 1]);
        for wrong in
            ["", "3", "3.1", "3.1.4.5", "3.1.4+", "256.0.0", "1.0.65536", "+1.0.0", "1.0.0+-1", " 1.0.0"]
        {
            assert_eq!(wrong.parse::<Version>(), Err(NoVersion), "{wrong}");
        }
    }

    #[test]
    fn ordered_by_major_minor_revision_build() {
        let ascending = ["0.9.9+9", "1.0.0", "1.0.0+1", "1.0.300", "1.1.0", "2.0.0"].map(version);
        assert!(ascending.is_sorted());
    }

    #[test]
    fn bytes_of_the_wire_and_of_the_image() {
        let version = version("3.1.258+7");
        assert_eq!(version.to_wire(), [3, 1, 1, 2, 0, 0, 0, 7]);
        assert_eq!(version.to_image(), [3, 1, 2, 1, 7, 0, 0, 0]);
        assert_eq!(Version::from_wire(version.to_wire()), version);
        assert_eq!(Version::from_image(version.to_image()), version);
    }
}
