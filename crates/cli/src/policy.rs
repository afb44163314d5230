//! What the owner of this machine wants of new PINs.

use std::{env, fs, io, path::PathBuf};

use device::LocalPolicy;

use crate::failure::Failure;

const INSTALLED: &str = "/etc/crescendo/policy.toml";
/// Another file in its place, for laboratories.
const VARIABLE: &str = "CRESCENDO_POLICY";

/// The policy of this machine; where there is no file, nothing beyond what devices want.
///
/// # Errors
/// One that cannot be read is not passed over.
pub(crate) fn local() -> Result<LocalPolicy, Failure> {
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = named.clone().unwrap_or_else(|| PathBuf::from(INSTALLED));
    match fs::read_to_string(&path) {
        Ok(text) => LocalPolicy::parse(&text).map_err(|why| Failure::Policy(path, why)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && named.is_none() => {
            Ok(LocalPolicy::default())
        }
        Err(error) => Err(Failure::Unreadable(path, error)),
    }
}
