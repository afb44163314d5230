//! The virtual card under any commands: it may refuse, never panic, and counts a try only for a VERIFY or its kin.
#![no_main]

use sim::{Personality, SimCard};

libfuzzer_sys::fuzz_target!(|commands: Vec<Vec<u8>>| {
    let card = SimCard::new(Personality::key_v3());
    card.power_on();
    for command in commands {
        let tries = card.tries().pin;
        let answer = card.transmit(&command);
        assert!(answer.len() >= 2);
        let counts = matches!(command.get(1), Some(0x20 | 0x24 | 0x2C));
        assert!(counts || card.tries().pin == tries);
    }
});
