//! The card's side of vpcd's protocol: a card behind a real pcscd.
//!
//! Every message is two bytes of length, big endian, and that many bytes. Messages of one byte are for the reader:
//! 0 power off, 1 power on, 2 reset, 4 "your ATR?", the only one of them that is answered. A card that is pulled
//! hangs up.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_quickack;

use crate::card::{Interface, SimCard};

/// How often a card looks whether it was pulled, and a card without reader whether there is one now.
const TICK: Duration = Duration::from_millis(50);

/// How long a card that was moved stays away: pcscd looks for cards every 400 ms, and must have looked once.
const ABSENCE: Duration = Duration::from_secs(1);

/// Serves readers of vpcd for ever: waits for the card to be inserted and for pcscd to be there, each time anew. `port` is
/// that of the reader for the card's interface.
pub fn serve(card: &SimCard, host: &str, port: impl Fn(Interface) -> u16) -> ! {
    loop {
        let begun = card.epoch().moves;
        if card.is_present()
            && let Ok(stream) = TcpStream::connect((host, port(card.interface())))
        {
            // An end of the session is as good as another: the reader is gone, or the card is.
            let _ = session(card, stream, begun);
            if card.is_present() && card.epoch().moves != begun {
                std::thread::sleep(ABSENCE);
            }
        }
        std::thread::sleep(TICK);
    }
}

/// One stay of a card in the reader, which ends when it moves.
fn session(card: &SimCard, mut stream: TcpStream, begun: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    card.mark("in the reader");
    let stays = || card.is_present() && card.epoch().moves == begun;
    while let Some(message) = receive(stays, &mut stream)? {
        let answer = match message[..] {
            [0] => {
                card.power_off();
                continue;
            }
            [1 | 2] => {
                card.power_on();
                continue;
            }
            [4] => card.atr().to_vec(),
            _ => card.transmit(&message),
        };
        if !stays() {
            break;
        }
        send(&mut stream, &answer)?;
    }
    card.mark("out of the reader");
    Ok(())
}

/// The next message; `None` once the card is pulled or moved.
fn receive(stays: impl Fn() -> bool, stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    stream.set_read_timeout(Some(TICK))?;
    while let Err(error) = read(stream, &mut length[..1]) {
        if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            return Err(error);
        }
        if !stays() {
            return Ok(None);
        }
    }
    stream.set_read_timeout(None)?;
    read(stream, &mut length[1..])?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    read(stream, &mut message)?;
    Ok(stays().then_some(message))
}

/// vpcd sends length and payload apart and waits for our acknowledgement in between: without QUICKACK every APDU takes
/// 40 ms. The kernel forgets the option, so it is set after every read.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.read_exact(buffer)?;
    Ok(set_tcp_quickack(&*stream, true)?)
}

fn send(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), payload].concat())
}
