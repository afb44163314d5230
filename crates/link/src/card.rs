use std::time::Duration;

use crate::LinkError;

/// Carries APDUs to one card, for as long as a transaction lasts.
pub trait Transmit {
    /// Sends one APDU (ISO 7816-4) and returns the answer, status word included: always 2 bytes or more.
    ///
    /// # Errors
    /// An answer of fewer than 2 bytes is [`LinkError::Removed`]: some drivers report a pulled card that way.
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError>;

    /// The longest command APDU this link carries, in bytes; 261 for short APDUs only.
    fn max_command(&self) -> usize {
        261
    }

    /// Has the card reset when the transaction ends, however it ends: what was proved to the card is gone then. `false`: this
    /// link cannot.
    fn reset_afterwards(&mut self) -> bool {
        false
    }
}

/// A connection to the card in one reader. Dropping it leaves the card as it is.
pub trait Card: Send {
    /// The answer to reset, 2 to 33 bytes.
    fn atr(&self) -> &[u8];

    /// The name of the reader it sits in.
    fn reader(&self) -> &str;

    /// Names this stay of the card in its reader: two connections with equal names, in whatever processes, were made with
    /// no insertion, replug, restart of the service or of the machine in between. `None`: nobody can say.
    fn insertion(&self) -> Option<&str>;

    /// Where its reader is plugged in, as [`HidDevice::channel`](crate::HidDevice::channel) says it: equal for the two sides of
    /// one key. Not in [`Reader`], because PC/SC tells it to those alone who are connected.
    fn channel(&self) -> Option<u32> {
        None
    }

    /// Waits for the card to be free, and holds it until the transaction is dropped.
    ///
    /// # Errors
    /// [`LinkError::Removed`] once the card is gone; a card put back needs a new connection.
    fn begin(&mut self) -> Result<Transaction<'_>, LinkError>;

    /// Whether no other program is connected to this card right now. May let go of the connection for a moment.
    ///
    /// # Errors
    /// As [`Card::begin`].
    fn alone(&mut self) -> Result<bool, LinkError>;
}

/// An exclusive hold on a card.
pub struct Transaction<'c> {
    /// The way to the card.
    pub link: Box<dyn Transmit + 'c>,
    /// Someone reset the card since the last transaction: login and channel are gone.
    pub was_reset: bool,
}

/// The readers of this machine.
pub trait Readers: Send + Sync {
    /// The readers as they are now. No card is connected to, and none is sent anything.
    ///
    /// # Errors
    /// [`LinkError::NoService`] when there is no one to ask. No reader at all is an empty list.
    fn list(&self) -> Result<Vec<Reader>, LinkError>;

    /// Connects to the card in a reader, shared with other programs.
    ///
    /// # Errors
    /// [`LinkError::NoCard`] for an empty or unknown reader, [`LinkError::Busy`] when another program holds the card
    /// exclusively and did not let go within a second.
    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError>;

    /// Returns the readers when they differ from `known`, when the limit has passed, or when [`Readers::cancel`] was
    /// called.
    ///
    /// # Errors
    /// As [`Readers::list`].
    fn wait(&self, known: &[Reader], limit: Option<Duration>) -> Result<Vec<Reader>, LinkError>;

    /// Ends every [`Readers::wait`] in progress, now.
    fn cancel(&self);
}

/// One reader and what is in it, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The name PC/SC gives it.
    pub name: String,
    /// The answer to reset of the card in it, if there is one.
    pub atr: Option<Vec<u8>>,
    /// How often a card came or went, as PC/SC counts. Equal counts mean: the same card is still there.
    pub events: u32,
}
