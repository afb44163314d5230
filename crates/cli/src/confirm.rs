//! Asking whether it is meant, before something is lost.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use crate::failure::Failure;

/// Goes on if a person at the terminal says yes to what is lost, a sentence each, or has said so before (`--yes`). Where
/// nothing is lost, nobody is asked.
///
/// # Errors
/// [`Failure::Unconfirmed`] where there is no terminal, so that a script has to say it; [`Failure::Declined`].
pub(crate) fn confirm(yes: bool, lost: &[String]) -> Result<(), Failure> {
    if yes || lost.is_empty() {
        return Ok(());
    }
    let Ok(terminal) = File::open("/dev/tty") else { return Err(Failure::Unconfirmed(lost.join(" "))) };
    lost.iter().for_each(|sentence| eprintln!("{sentence}"));
    eprint!("Is that meant? [y/N] ");
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer).map_err(Failure::NoTerminal)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::Declined) }
}
