//! A card's controls as lines of text: what a shell script does with a card behind pcscd.
//!
//! One line in, one line out: `ok`, `ok ANSWER` or `error WHY`. The commands are in [`COMMANDS`].

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::card::{Counts, Interface, Replacement, SimCard, pairing_code};
use crate::fault::{Fault, Faults, What};
use crate::fixture;
use crate::hex;

/// Every command, for people.
pub const COMMANDS: &str = "\
pull | insert | present            take the card out, put it back, ask
reset                              as by another program; behind pcscd the reader does not notice
select AID                         another program selects an application; answers what the card said
replace KEY same-key|new-key|same-serial
install KEY FIXTURE                e.g. install 9A rsa-4096
install KEY garbage                the key stays, its certificate becomes unreadable
restore                            keys and objects as issued
object TAG [ANSWER]                show an object; with an answer (hex, `-` for none) set it
refuse TAG SW|-                    GET DATA of an object answers a status word every time; `-` ends that
count | zero | mark TEXT | log     APDUs, bytes, VERIFYs and key establishments since zero; a line into the log; the
                                   last line of it
seen HEX                           whether these bytes went over the wire since zero, in either direction
contact | contactless              puts the card on this interface: out of its reader and in again
suite cs2|cs7|none                 secure messaging
vci code|open|none                 the virtual contact interface: with pairing code, without, not at all
signer NAME                        who vouches for the secure messaging key: direct, intermediate, intermediate-ecdsa; to be
                                   refused: expired, no-usage, no-ca, other-root, other-card
pairing-code DIGITS | contact-tries N
strict-plain on|off                whether any plain command ends the session
session                            none, established or paired
session-keys                       its four keys, which no real card tells: for tests that look for copies elsewhere
lose-session                       as after a key establishment by another program
latency none|contact|usb|contactless
                                   how long APDUs take
key-time on|off                    whether key operations take as long as on a chip
tries | verified                   the PIN
block-pin | block-puk | block-global | block-unlock
rights                             what was proven: of pin, xauth, management; the state of the administration key
managed on|off                     whether the issuer keeps every right to write (Crescendo)
challenge HEX                      what GET CHALLENGE answers next
next-key KIND HEX                  the private number of the next key made on a curve: p-256 or p-384
keys                               the key references that hold a key
fido-pin on|off                    whether a PIN of FIDO is set
press                              presses the button; answers whether anybody waited for it
fault N KIND [ARG] | fault none    at the n-th APDU from now, besides what is set: pull, lose-answer, reset,
                                   select AID, garbage, truncated, oversized, status SW, lose-session, replay,
                                   plain, tamper data|mac|status|cryptogram|cvc|nonce
quit";

/// Carries out one command, and returns the line to answer.
pub fn command(card: &SimCard, line: &str) -> String {
    match answer(card, line.trim()) {
        Ok(answer) if answer.is_empty() => "ok".into(),
        Ok(answer) => format!("ok {answer}"),
        Err(why) => format!("error {why}"),
    }
}

/// Listens on a socket, in a thread of its own, and has `command` answer each line. `quit` ends the program.
///
/// # Errors
/// When the socket cannot be made. One left over by another run is replaced.
pub fn listen(path: &Path, command: impl Fn(&str) -> String + Send + Sync + 'static) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let (path, command) = (path.to_owned(), Arc::new(command));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (path, command) = (path.clone(), command.clone());
            std::thread::spawn(move || converse(&*command, stream, &path));
        }
    });
    Ok(())
}

/// Sends one command to a socket, and returns the answer.
///
/// # Errors
/// When nobody listens there.
pub fn ask(path: &Path, line: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().into())
}

/// Nobody is told of a peer that hangs up: there is nobody left to tell.
fn converse(command: &impl Fn(&str) -> String, stream: UnixStream, path: &Path) {
    let Ok(mut writer) = stream.try_clone() else { return };
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let quit = line.trim() == "quit";
        let answer = if quit { "ok".into() } else { command(&line) };
        let sent = writeln!(writer, "{answer}");
        if quit {
            let _ = std::fs::remove_file(path);
            std::process::exit(0);
        }
        if sent.is_err() {
            return;
        }
    }
}

fn answer(card: &SimCard, line: &str) -> Result<String, String> {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match name {
        "pull" => card.pull(),
        "insert" => card.insert(),
        "present" => return Ok(card.is_present().to_string()),
        "reset" => card.reset(),
        "select" => return Ok(hex::encode(&card.foreign_select(&bytes(rest)?))),
        "replace" => replace(card, rest)?,
        "install" => install(card, rest)?,
        "restore" => card.restore(),
        "object" => return object(card, rest),
        "refuse" => refuse(card, rest)?,
        "count" => return Ok(counts(card)),
        "zero" => card.zero(),
        "mark" => card.mark(rest),
        "log" => return Ok(card.log().last().cloned().unwrap_or_default()),
        "latency" => card.set_latency(rest.parse()?),
        "key-time" => card.set_key_time(switch(rest)?),
        "tries" => return Ok(tries(card)),
        "verified" => return Ok(card.verified().to_string()),
        "block-pin" => card.block_pin(),
        "block-puk" => card.block_puk(),
        "block-global" => card.block_global_pin(),
        "block-unlock" => card.block_unlock(),
        "rights" => return Ok(rights(card)),
        "managed" => card.set_managed(switch(rest)?),
        "challenge" => card.set_challenge(&bytes(rest)?),
        "next-key" => next_key(card, rest)?,
        "keys" => {
            let keys: Vec<_> = card.keys().iter().map(|key| format!("{key:02X}")).collect();
            return Ok(keys.join(" "));
        }
        "fido-pin" => card.set_fido_pin(switch(rest)?),
        "press" => return Ok(card.press().to_string()),
        "fault" => fault(card, rest)?,
        "seen" => return Ok(card.has_seen(&bytes(rest)?).to_string()),
        "contact" => card.set_interface(Interface::Contact),
        "contactless" => card.set_interface(Interface::Contactless),
        "session" => return Ok(session(card).into()),
        "session-keys" => {
            let keys: Vec<_> = card.session_keys().iter().map(|key| hex::encode(key)).collect();
            return Ok(keys.join(" "));
        }
        "lose-session" => card.lose_session(),
        "suite" | "vci" | "signer" | "pairing-code" | "contact-tries" | "strict-plain" => {
            secure_messaging(card, name, rest)?;
        }
        _ => return Err(format!("unknown command {name}")),
    }
    Ok(String::new())
}

fn counts(card: &SimCard) -> String {
    let Counts { apdus, bytes, verifies, establishments } = card.counts();
    format!(r#"{{"apdus":{apdus},"bytes":{bytes},"verifies":{verifies},"establishments":{establishments}}}"#)
}

fn tries(card: &SimCard) -> String {
    let tries = card.tries();
    let puk = tries.puk.map_or("none".into(), |puk| puk.to_string());
    let global = card.global_tries().map_or(String::new(), |left| format!(" global={left}"));
    format!("pin={} puk={puk}{global}", tries.pin)
}

fn rights(card: &SimCard) -> String {
    let (pin, xauth) = card.card_rights();
    let key = match card.administration_key() {
        None => "none",
        Some(true) => "factory",
        Some(false) => "own",
    };
    let management = card.managed_by_key();
    format!("pin={pin} xauth={xauth} management={management} administration-key={key}")
}

fn next_key(card: &SimCard, rest: &str) -> Result<(), String> {
    let (kind, scalar) = rest.split_once(' ').ok_or("which kind, and which number?")?;
    let fits = card.set_next_key(kind.parse()?, &bytes(scalar.trim())?);
    if fits { Ok(()) } else { Err("no private key of this kind".into()) }
}

fn replace(card: &SimCard, rest: &str) -> Result<(), String> {
    let (key, kind) = key_and(rest)?;
    card.replace(key, kind.parse()?).map_err(|error| error.to_string())
}

fn install(card: &SimCard, rest: &str) -> Result<(), String> {
    let (key, name) = key_and(rest)?;
    if name == "garbage" {
        return card.spoil(key).map_err(|error| error.to_string());
    }
    let fixture = fixture::named(name).ok_or_else(|| format!("no fixture {name}"))?;
    card.install(key, fixture).map_err(|error| error.to_string())
}

fn object(card: &SimCard, rest: &str) -> Result<String, String> {
    let (tag, content) = rest.split_once(' ').unwrap_or((rest, ""));
    let tag = tag_of(tag)?;
    match content {
        "" => return Ok(card.object(tag).map_or("none".into(), |object| hex::encode(&object))),
        "-" => card.set_object(tag, None),
        content => card.set_object(tag, Some(bytes(content)?)),
    }
    Ok(String::new())
}

fn refuse(card: &SimCard, rest: &str) -> Result<(), String> {
    let (tag, status) = rest.split_once(' ').ok_or("which object, and how?")?;
    let status = match (status.trim(), hex::decode(status.trim()).as_deref()) {
        ("-", _) => None,
        (_, Some(&[high, low])) => Some(u16::from_be_bytes([high, low])),
        _ => return Err(format!("no status word {status}")),
    };
    card.refuse_object(tag_of(tag)?, status);
    Ok(())
}

fn tag_of(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16).map_err(|_| format!("no tag {text}"))
}

fn fault(card: &SimCard, rest: &str) -> Result<(), String> {
    if rest == "none" {
        card.set_faults(Faults::none());
        return Ok(());
    }
    let (at, what) = rest.split_once(' ').ok_or("which fault?")?;
    let at = at.parse().ok().filter(|at| *at > 0).ok_or_else(|| format!("no APDU number {at}"))?;
    card.add_fault(Fault { at, what: What::from_str(what)? });
    Ok(())
}

fn secure_messaging(card: &SimCard, name: &str, value: &str) -> Result<(), String> {
    let mut settings = card.secure_messaging();
    match name {
        "suite" => settings.suite = if value == "none" { None } else { Some(value.parse()?) },
        "vci" => settings.vci = value.parse()?,
        "signer" => settings.signer = value.parse()?,
        "pairing-code" => settings.pairing_code = pairing_code(value)?,
        "contact-tries" => {
            settings.contact_tries = value.parse().map_err(|_| format!("no number of tries {value}"))?;
        }
        _ => settings.strict_plain = switch(value)?,
    }
    card.set_secure_messaging(settings);
    Ok(())
}

fn session(card: &SimCard) -> &'static str {
    match (card.has_session(), card.is_paired()) {
        (true, true) => "paired",
        (true, false) => "established",
        (false, _) => "none",
    }
}

fn key_and(rest: &str) -> Result<(u8, &str), String> {
    let (key, rest) = rest.split_once(' ').ok_or("which key, and what?")?;
    let key = u8::from_str_radix(key, 16).map_err(|_| format!("no key reference {key}"))?;
    Ok((key, rest.trim()))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).ok_or_else(|| format!("not hexadecimal: {text}"))
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("on or off, not {text}")),
    }
}

impl FromStr for Replacement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "same-key" => Ok(Self::SameKey),
            "new-key" => Ok(Self::NewKey),
            "same-serial" => Ok(Self::SameSerial),
            _ => Err(format!("no replacement {text}: same-key, new-key or same-serial")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Personality;

    #[test]
    fn lines_are_answered_with_lines() {
        let card = SimCard::new(Personality::piv());
        let say = |line: &str| command(&card, line);
        assert_eq!(say("tries"), "ok pin=3 puk=3");
        assert_eq!(say("count"), r#"ok {"apdus":0,"bytes":0,"verifies":0,"establishments":0}"#);
        assert_eq!(say("pull"), "ok");
        assert_eq!(say("present"), "ok false");
        assert_eq!(say("insert"), "ok");
        assert_eq!(say("replace 9A same-serial"), "ok");
        assert!(say("replace 9C same-serial").starts_with("error "));
        assert_eq!(say("install 9a rsa-4096"), "ok");
        assert_eq!(say("install 9a garbage"), "ok");
        assert!(
            say("object 5FC105").starts_with("ok 53820135") && say("object 5FC105").ends_with("710100FE00")
        );
        assert!(say("install 9B garbage").starts_with("error "));
        assert_eq!(say("refuse 5FC10A 6F00"), "ok");
        assert_eq!(say("refuse 5FC10A -"), "ok");
        assert!(say("refuse 5FC10A 6F").starts_with("error "));
        assert_eq!(say("block-puk"), "ok");
        assert_eq!(say("tries"), "ok pin=3 puk=0");
        assert_eq!(say("object 7E"), "ok 7E124F0BA0000003080000100001005F2F024000");
        assert_eq!(say("object 5FC105 -"), "ok");
        assert_eq!(say("object 5FC105"), "ok none");
        assert_eq!(say("fault 1 status 6F00"), "ok");
        assert!(say("fault 0 pull").starts_with("error "));
        assert_eq!(say("select A0000001510000"), "ok 6F108408A000000151000000A5049F6501FF9000");
        assert_eq!(say("verified"), "ok false");
        assert_eq!(say("rights"), "ok pin=false xauth=false management=false administration-key=none");
        assert_eq!(say("keys"), "ok 9A 9C 9D 9E");
        assert_eq!(say("press"), "ok false");
        assert_eq!(say("fido-pin on"), "ok");
        assert!(card.has_fido_pin());
        assert!(say("dance").starts_with("error "));
    }

    #[test]
    fn what_is_for_a_crescendo_alone() {
        let card = SimCard::new(Personality::c2300());
        let say = |line: &str| command(&card, line);
        assert_eq!(say("rights"), "ok pin=false xauth=false management=false administration-key=factory");
        assert_eq!(say("managed on"), "ok");
        assert_eq!(say("challenge 00112233445566778899AABBCCDDEEFF"), "ok");
        assert_eq!(say("select A0000000791000"), "ok 6F128407A0000000791000A507010510030003069000");
        assert_eq!(say("block-unlock"), "ok");
        assert_eq!(card.unlock_tries(), Some(0));
        assert_eq!(say(&format!("next-key p-256 {}", "01".repeat(32))), "ok");
        for wrong in ["next-key p-256 00", "next-key rsa-2048 01", "next-key p-256", "managed"] {
            assert!(say(wrong).starts_with("error "), "{wrong}");
        }
    }

    #[test]
    fn a_socket_carries_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let card = SimCard::new(Personality::key_v3());
        let listener = card.clone();
        listen(&path, move |line| command(&listener, line)).unwrap();
        assert_eq!(ask(&path, "tries").unwrap(), "ok pin=6 puk=none");
        assert_eq!(ask(&path, "block-pin").unwrap(), "ok");
        assert_eq!(card.tries().pin, 0);
    }

    #[test]
    fn a_global_pin_has_tries_of_its_own() {
        let card = SimCard::new(Personality { global_pin: Some("654321".into()), ..Personality::piv() });
        assert_eq!(command(&card, "tries"), "ok pin=3 puk=3 global=5");
        assert_eq!(command(&card, "block-global"), "ok");
        assert_eq!(command(&card, "tries"), "ok pin=3 puk=3 global=0");
    }
}
