//! A connection to a card, and the exclusive hold on it. Nothing in here resets a card that was not asked to.

use std::{
    cell::{Cell, OnceCell},
    ffi::{CStr, CString},
    mem, thread,
    time::Duration,
};

use ::pcsc::{Card, Context, Disposition, Error, Protocols, ShareMode, State};
use link::{LinkError, Transaction, Transmit};
use zeroize::Zeroize;

use super::{
    error::{is_removal, is_reset, is_service_lost, link_error},
    establish, features,
    insertion::Insertion,
    look_at,
};

/// The longest answer of ISO 7816-4: 65536 bytes and a status word.
const LONGEST_ANSWER: usize = 0x1_0000 + 2;
/// How often a card held by another program for itself alone is tried, and how long it takes between tries.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(240);
/// How often a card is tried that another program is just resetting: until it has answered it has no protocol to agree on.
const RESET_TRIES: u32 = 25;
const BETWEEN_RESET_TRIES: Duration = Duration::from_millis(20);

pub(super) struct PcscCard {
    context: Context,
    reader: CString,
    /// `None` once the connection could not be made again.
    card: Option<Card>,
    atr: Vec<u8>,
    insertion: Insertion,
    channel: Option<u32>,
    /// As long as the protocol stays what it is.
    max_command: OnceCell<usize>,
    /// A reset that the next transaction has to tell of.
    was_reset: bool,
    /// A command met a reset that PC/SC had not told of: the connection is made good before anything else is sent.
    is_upset: Cell<bool>,
}

impl PcscCard {
    pub(super) fn connect(context: Context, reader: CString) -> Result<Self, Error> {
        let before = Insertion::look(&context, &reader);
        let card = connect(&context, &reader)?;
        let insertion = Insertion::of(before, Insertion::look(&context, &reader));
        let max_command = OnceCell::new();
        let mut new = Self {
            context,
            reader,
            card: Some(card),
            atr: Vec::new(),
            insertion,
            channel: None,
            max_command,
            was_reset: false,
            is_upset: Cell::new(false),
        };
        // Waits for other programs' transactions, so that the channel can be asked for after it.
        new.atr = atr_past_resets(new.card.as_mut())?;
        new.channel = new.card.as_ref().and_then(|card| new.insertion.finish(card));
        Ok(new)
    }

    fn let_go(&mut self) {
        let Some(card) = self.card.take() else { return };
        if let Err((card, error)) = card.disconnect(Disposition::LeaveCard) {
            // Dropped, it would try again, this time with a reset. That cannot reach a card through a service that has
            // gone; else a leaked handle is the lesser evil.
            if !is_service_lost(error) {
                mem::forget(card);
            }
        }
    }

    /// Lets go and connects again. Whether nobody else was connected in between.
    fn step_aside(&mut self) -> Result<bool, Error> {
        match atr(self.card.as_ref()) {
            Err(Error::ResetCard) => self.was_reset = true,
            other => drop(other?),
        }
        let before = look_at(&self.context, &self.reader)?.event_count();
        self.let_go();
        let between = look_at(&self.context, &self.reader)?.event_state();
        self.card = Some(connect(&self.context, &self.reader)?);
        self.max_command.take();
        let after = look_at(&self.context, &self.reader)?.event_count();
        if before != after || atr_past_resets(self.card.as_mut())? != self.atr {
            self.let_go();
            return Err(Error::RemovedCard);
        }
        Ok(!between.intersects(State::INUSE | State::EXCLUSIVE))
    }
}

impl link::Card for PcscCard {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn reader(&self) -> &str {
        self.reader.to_str().unwrap_or_default()
    }

    fn insertion(&self) -> Option<&str> {
        self.insertion.name()
    }

    fn channel(&self) -> Option<u32> {
        self.channel
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        let Self { card, atr, insertion, channel, max_command, was_reset, is_upset, .. } = self;
        let mut card = card.as_mut().ok_or(LinkError::Removed)?;
        if is_upset.take() {
            rejoin(card, atr).map_err(lost)?;
            max_command.take();
            *was_reset = true;
        }
        let mut tries = 1;
        loop {
            match card.transaction2() {
                Ok(held) => {
                    *channel = insertion.finish(&held).or(*channel);
                    let link =
                        Box::new(PcscTransaction { held: Some(held), max_command, is_upset, resets: false });
                    return Ok(Transaction { link, was_reset: mem::take(was_reset) });
                }
                Err((same, Error::ResetCard)) if tries < RESET_TRIES => {
                    rejoin(same, atr).map_err(lost)?;
                    max_command.take();
                    (card, *was_reset) = (same, true);
                    tries += 1;
                }
                Err((_, error)) => return Err(lost(error)),
            }
        }
    }

    /// A reset by a program that comes and goes in the very moment we let go cannot be seen: the card then refuses
    /// what needs a login.
    fn alone(&mut self) -> Result<bool, LinkError> {
        if self.card.is_none() {
            return Err(LinkError::Removed);
        }
        self.step_aside().map_err(lost)
    }
}

impl Drop for PcscCard {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Tries again for as long as another program's reset of the card is in the way.
fn past_reset<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut tries = 1;
    loop {
        match attempt() {
            Err(Error::ProtoMismatch) if tries < RESET_TRIES => {
                thread::sleep(BETWEEN_RESET_TRIES);
                tries += 1;
            }
            other => return other,
        }
    }
}

fn connect(context: &Context, reader: &CStr) -> Result<Card, Error> {
    let mut tries = 1;
    loop {
        match past_reset(|| context.connect(reader, ShareMode::Shared, Protocols::ANY)) {
            Err(Error::SharingViolation) if tries < TRIES => {
                thread::sleep(BETWEEN_TRIES);
                tries += 1;
            }
            other => return other,
        }
    }
}

/// Takes note of a reset by another program; the connection is good again after that, if it is the same card.
fn rejoin(card: &mut Card, known: &[u8]) -> Result<(), Error> {
    reconnect(card)?;
    if atr_past_resets(Some(card))? == known { Ok(()) } else { Err(Error::RemovedCard) }
}

fn reconnect(card: &mut Card) -> Result<(), Error> {
    past_reset(|| card.reconnect(ShareMode::Shared, Protocols::ANY, Disposition::LeaveCard))
}

/// [`atr`], however often another program resets the card meanwhile.
fn atr_past_resets(card: Option<&mut Card>) -> Result<Vec<u8>, Error> {
    let card = card.ok_or(Error::RemovedCard)?;
    for _ in 1..RESET_TRIES {
        match atr(Some(card)) {
            Err(Error::ResetCard) => reconnect(card)?,
            other => return other,
        }
    }
    atr(Some(card))
}

fn atr(card: Option<&Card>) -> Result<Vec<u8>, Error> {
    Ok(card.ok_or(Error::RemovedCard)?.status2_owned()?.atr().to_vec())
}

/// A connection outlives no service. With another one in its place there may be a card to connect to.
fn lost(error: Error) -> LinkError {
    if is_service_lost(error) && establish().is_ok() { LinkError::Removed } else { link_error(error) }
}

/// The hold on a card; it ends when dropped, and leaves the card as it is unless a reset was asked for.
struct PcscTransaction<'c> {
    /// Until it is dropped.
    held: Option<::pcsc::Transaction<'c>>,
    max_command: &'c OnceCell<usize>,
    is_upset: &'c Cell<bool>,
    resets: bool,
}

impl Transmit for PcscTransaction<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        let mut buffer = vec![0; LONGEST_ANSWER];
        let answer = self.held().transmit(apdu, &mut buffer).map(<[u8]>::to_vec);
        let answer = answer.map_err(|error| self.failed(error))?;
        buffer[..answer.len()].zeroize();
        if answer.len() < 2 { Err(LinkError::Removed) } else { Ok(answer) }
    }

    fn max_command(&self) -> usize {
        *self.max_command.get_or_init(|| features::max_command(self.held()))
    }

    fn reset_afterwards(&mut self) -> bool {
        self.resets = true;
        true
    }
}

impl Drop for PcscTransaction<'_> {
    fn drop(&mut self) {
        // A card that is gone by now has forgotten all the same.
        if let (true, Some(held)) = (self.resets, self.held.take()) {
            let _ = held.end(Disposition::ResetCard);
        }
    }
}

impl<'c> PcscTransaction<'c> {
    fn held(&self) -> &::pcsc::Transaction<'c> {
        self.held.as_ref().expect("it is there until it is dropped")
    }

    /// A card pulled in the middle of a command shows as a failed exchange at first.
    fn failed(&self, error: Error) -> LinkError {
        match self.held().status2_owned() {
            Err(status) if error == Error::NotTransacted && is_removal(status) => LinkError::Removed,
            _ if is_reset(error) => {
                self.is_upset.set(true);
                LinkError::Reset
            }
            _ => lost(error),
        }
    }
}
