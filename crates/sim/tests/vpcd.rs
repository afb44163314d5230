//! A card behind a reader of vpcd, which here is the test itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crescendo_sim::{Interface, Personality, SimCard, vpcd};

/// One message to the card, and its answer; `None` once it has hung up.
fn ask(stream: &mut TcpStream, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, message].concat()).ok()?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn a_card_moved_to_the_other_interface_hangs_up_and_comes_back_with_another_answer_to_reset() {
    let reader = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = reader.local_addr().unwrap().port();
    let card = SimCard::new(Personality::piv_dual());
    let served = card.clone();
    std::thread::spawn(move || vpcd::serve(&served, "127.0.0.1", |_| port));

    let (mut stream, _) = reader.accept().unwrap();
    assert_eq!(ask(&mut stream, &[4]).unwrap(), b"\x3B\x87\x81\x31\xFE\x45SimDual\xE7");
    card.set_interface(Interface::Contactless);
    assert_eq!(
        ask(&mut stream, b"\x00\xCB\x3F\xFF\x03\x5C\x01\x7E\x00"),
        None,
        "it was in the reader before"
    );
    let (mut stream, _) = reader.accept().unwrap();
    assert_eq!(ask(&mut stream, &[4]).unwrap(), b"\x3B\x87\x80\x01SimDual\x6D");
    assert!(ask(&mut stream, b"\x00\xCB\x3F\xFF\x03\x5C\x01\x7E\x00").unwrap().ends_with(&[0x90, 0x00]));
}
