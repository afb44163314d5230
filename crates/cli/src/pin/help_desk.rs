//! The user's side of unblocking by challenge and response: the challenge is shown, and the card held until the response is
//! there; it would be worth nothing after any other command.

use std::{
    fs::File,
    io::{BufRead, BufReader},
};

use device::{Challenge, Cryptogram, Device, Pin, helpdesk};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, Owner, plain},
    secret,
};

#[derive(Serialize)]
struct Asked<'a> {
    device: &'a Owner,
    challenge: &'a str,
}

pub(super) fn unblock(
    output: &Output,
    device: &mut Device,
    new: &Pin,
    response: Option<u32>,
) -> Result<(), Failure> {
    let owner = Owner::of(device);
    device.unblock_with_answer(new, |challenge| {
        show(output, &owner, challenge).ok()?;
        match response {
            Some(number) => {
                let text = secret::text(None, Some(number), "").ok()?;
                helpdesk::response_to(challenge, &text).inspect_err(|why| eprintln!("{why}")).ok()
            }
            None => typed(challenge),
        }
    })?;
    Ok(())
}

fn show(output: &Output, owner: &Owner, challenge: &Challenge) -> Result<(), Failure> {
    let spoken = helpdesk::spoken(challenge.bytes());
    if output.json {
        let asked = output.object(&Asked { device: owner, challenge: &spoken })?;
        return output.bytes(asked.as_bytes());
    }
    let id = owner.id.as_ref().map_or_else(|| "none".to_owned(), plain);
    eprintln!("Tell the help desk:\n  Device ID  {id}\n  Challenge  {}", *spoken);
    eprintln!("Leave the device where it is: taken out, it has another challenge.");
    Ok(())
}

/// The response as a person types it, who sees what is typed: it is worth nothing to anybody else. Nothing gives up.
fn typed(challenge: &Challenge) -> Option<Cryptogram> {
    let mut terminal = BufReader::new(File::open("/dev/tty").ok()?);
    loop {
        eprint!("Response: ");
        let mut line = String::new();
        terminal.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            return None;
        }
        match helpdesk::response_to(challenge, line.trim()) {
            Ok(response) => return Some(response),
            Err(why) => eprintln!("No: {why}."),
        }
    }
}
