//! What went over the wire, for people. Full bytes: these are test cards with test PINs.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Instant;

use crate::apdu::Command;
use crate::hex;

/// Older lines are dropped; a file keeps them all.
const KEPT: usize = 10_000;

/// One APDU and its answer as they went over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// The command, or one block of it.
    pub command: Vec<u8>,
    /// The answer with its status word; empty where it was lost.
    pub answer: Vec<u8>,
}

pub(crate) struct Log {
    start: Instant,
    traffic: VecDeque<Traffic>,
    lines: VecDeque<String>,
    file: Option<Box<dyn Write + Send>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), traffic: VecDeque::new(), lines: VecDeque::new(), file: None }
    }

    pub(crate) fn write_to(&mut self, file: Box<dyn Write + Send>) {
        self.file = Some(file);
    }

    pub(crate) fn command(&mut self, apdu: &[u8]) {
        let name = Command::parse(apdu).map_or("", |command| name(command.ins));
        self.line(&format!("> {}  {name}", hex::encode(apdu)));
        if self.traffic.len() == KEPT {
            self.traffic.pop_front();
        }
        self.traffic.push_back(Traffic { command: apdu.to_vec(), answer: Vec::new() });
    }

    pub(crate) fn answer(&mut self, answer: &[u8], sim: bool) {
        self.line(&format!("< {}{}", hex::encode(answer), if sim { "  [SIM]" } else { "" }));
        if let Some(last) = self.traffic.back_mut() {
            last.answer = answer.to_vec();
        }
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.line(&format!("# {text}"));
    }

    pub(crate) fn traffic(&self) -> &VecDeque<Traffic> {
        &self.traffic
    }

    pub(crate) fn forget_traffic(&mut self) {
        self.traffic.clear();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.iter().cloned().collect()
    }

    fn line(&mut self, text: &str) {
        let line = format!("{:>10.3} {}", self.start.elapsed().as_secs_f64() * 1000.0, text.trim_end());
        if let Some(file) = &mut self.file {
            // A full disk must not stop a card.
            let _ = writeln!(file, "{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

fn name(ins: u8) -> &'static str {
    match ins {
        0x10 => "CTAP",
        0x20 => "VERIFY",
        0x24 => "CHANGE REFERENCE DATA",
        0x26 => "SET PIN PROPERTIES",
        0x2C => "RESET RETRY COUNTER",
        0x38 => "RESET CARD",
        0x47 => "GENERATE ASYMMETRIC KEY PAIR",
        0x56 => "PROPERTIES",
        0x82 => "EXTERNAL AUTHENTICATE",
        0x84 => "GET CHALLENGE",
        0x87 => "GENERAL AUTHENTICATE",
        0x88 => "ONE-TIME PASSWORD",
        0xA4 => "SELECT",
        0xC0 => "GET RESPONSE",
        0xCA => "GET DATA (card manager)",
        0xCB => "GET DATA",
        0xD8 => "PUT KEY",
        0xDB => "PUT DATA",
        _ => "",
    }
}
