use std::fmt;

/// What a link can say about itself. What a card says is a status word, and not an error of the link.
#[derive(Debug)]
pub enum LinkError {
    /// No card in the reader, or none that answers.
    NoCard,
    /// The card, the reader or the device is gone. Everything known of a login or a channel is gone with it.
    Removed,
    /// Another program reset the card. Connect again before anything else.
    Reset,
    /// Another program holds the card for itself alone.
    Busy,
    /// No answer within the limit of the link.
    Timeout,
    /// The reader service (pcscd) does not answer; the cards may well be in place.
    NoService,
    /// Anything else, in the words of the system.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCard => f.write_str("no card in the reader"),
            Self::Removed => f.write_str("the card was removed"),
            Self::Reset => f.write_str("another program reset the card"),
            Self::Busy => f.write_str("another program holds the card for itself alone"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::NoService => f.write_str("the reader service (pcscd) does not answer"),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other(error) => Some(&**error),
            _ => None,
        }
    }
}
