//! PINs and pairing codes: from a person at the terminal, who sees asterisks, or from a script. Never from the command line,
//! which everybody on the machine can read (save for the one code that a person may put there).

use std::{
    env,
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
    sync::{Arc, atomic::AtomicBool},
};

use device::{Error, PairingCode};
use rpassword::ConfigBuilder;
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::{consts::SIGINT, flag, low_level};
use zeroize::Zeroizing;

use crate::{arguments::Secret, failure::Failure};

/// No secret is longer.
const LONGEST: usize = 256;

pub(crate) type Text = Zeroizing<String>;

/// What is in this program's memory never gets into a file, should it crash.
pub(crate) fn leave_no_core() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::debug!(%error, "a crash may leave a core file");
    }
}

/// A secret of any kind, from where it was said, or from a person.
pub(crate) fn text(variable: Option<&str>, descriptor: Option<u32>, question: &str) -> Result<Text, Failure> {
    match (variable, descriptor) {
        (Some(variable), _) => from_variable(variable),
        (None, Some(number)) => from_descriptor(number),
        (None, None) => ask(question),
    }
}

/// The pairing code, from where it was said, or from a person.
pub(crate) fn code(said: Option<Secret>, device: &str) -> Result<PairingCode, Failure> {
    let text = match said {
        None => ask(&format!("Pairing code of {device}: "))?,
        Some(Secret(text)) if *text == "-" => from_standard_input()?,
        Some(Secret(text)) => text,
    };
    PairingCode::new(text.as_bytes()).map_err(|error| Error::Card(error).into())
}

/// Asks at the terminal, wherever standard input and output lead.
fn ask(question: &str) -> Result<Text, Failure> {
    // Ctrl-C comes as a signal, and must find the terminal as it was before.
    let caught = flag::register(SIGINT, Arc::new(AtomicBool::new(false))).map_err(Failure::NoTerminal)?;
    let config = ConfigBuilder::new().password_feedback_mask('*').build();
    let answer = rpassword::prompt_password_with_config(question, config);
    low_level::unregister(caught);
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            let _ = low_level::emulate_default_handler(SIGINT);
            Err(Failure::NoTerminal(error))
        }
        answer => answer.map(Zeroizing::new).map_err(Failure::NoTerminal),
    }
}

fn from_variable(name: &str) -> Result<Text, Failure> {
    let text = env::var(name).map_err(|_| Failure::NoSecret(format!("the variable {name}")))?;
    Ok(Zeroizing::new(text))
}

/// The kernel opens it once more, as a file of its own.
fn from_descriptor(number: u32) -> Result<Text, Failure> {
    let place = format!("file descriptor {number}");
    let opened = File::open(format!("/proc/self/fd/{number}"));
    opened.and_then(line).map_err(|_| Failure::NoSecret(place))
}

/// Past the buffer of standard input, which nobody wipes.
fn from_standard_input() -> Result<Text, Failure> {
    let copied = io::stdin().as_fd().try_clone_to_owned();
    copied
        .and_then(|input| line(File::from(input)))
        .map_err(|_| Failure::NoSecret("standard input".to_owned()))
}

/// The first line, without its end. Whoever writes may go on, and is not waited for.
fn line(mut from: impl Read) -> io::Result<Text> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0]);
    while bytes.len() < LONGEST && from.read(&mut *byte)? == 1 && byte[0] != b'\n' {
        bytes.push(byte[0]);
    }
    let text = str::from_utf8(&bytes).map_err(|_| io::ErrorKind::InvalidData)?.trim_end_matches('\r');
    if text.is_empty() {
        Err(io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(Zeroizing::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_without_its_end() {
        let read = |text: &[u8]| line(text).map(|text| text.to_string()).ok();
        assert_eq!(read(b"123456\n").as_deref(), Some("123456"));
        assert_eq!(read(b"123456\r\nrest").as_deref(), Some("123456"));
        assert_eq!(read(b"123456").as_deref(), Some("123456"));
        assert_eq!(read(b"\n"), None);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"12345\xFF"), None, "no text");
        assert_eq!(read("Schlüssel\n".as_bytes()).as_deref(), Some("Schlüssel"), "as a passphrase may be");
        assert_eq!(read(&[b'1'; 1000]).map(|text| text.len()), Some(256), "too long for anything");
    }
}
