//! One-time passwords: what the slots of a key say, codes, and new secrets. The slots are other applications than PIV, so
//! nothing is done with them while somebody is logged in there.

use zeroize::Zeroizing;

use super::{Start, Token, aside::is_free};
use crate::{
    Applications, Aside, Command, Error, Family, OtpConfiguration, OtpSlot, Pin, StatusWord,
    crescendo::{Aca, Basis, CardCommand, otp},
    piv::Piv,
};

/// Which code is wanted.
pub enum OtpRequest<'p> {
    /// The next one of a counter.
    Hotp,
    /// The one of this time, in seconds since 1970; the key wants its PIN for that.
    Totp(u32, &'p Pin),
}

impl Token {
    /// The slots of a key; empty where there are none. Nothing is sent but SELECT. `None`: somebody is logged in.
    ///
    /// # Errors
    /// As [`Token::aside`].
    pub fn otp_slots(&mut self) -> Result<Aside<Vec<OtpSlot>>, Error> {
        if self.family() == Family::Standard {
            return Ok(Some(Vec::new()));
        }
        self.aside(slots)
    }

    /// A code. The key blinks until its button is pressed: `wait` is asked between two tries whether there is to be another
    /// one, and lets some time pass.
    ///
    /// # Errors
    /// [`Error::InUse`] where somebody is logged in; [`Error::WrongPin`]; [`Error::NotFound`] for a slot without a secret;
    /// [`Error::Unconfirmed`] on a family of which nothing is known; [`Error::NoButton`] when `wait` gave up.
    pub fn otp_code(
        &mut self,
        slot: u8,
        request: &OtpRequest<'_>,
        unconfirmed: bool,
        wait: &dyn Fn() -> bool,
    ) -> Result<Zeroizing<String>, Error> {
        self.permit_code(unconfirmed)?;
        let (time, pin) = match request {
            OtpRequest::Hotp => (None, None),
            OtpRequest::Totp(time, pin) => (Some(*time), Some(*pin)),
        };
        self.with_slot(slot, pin, |piv| {
            loop {
                let answer = piv.exchange(otp::authenticate(time))?;
                match answer.status {
                    StatusWord::OK => return otp::digits(&answer.data).ok_or(Error::Malformed("code")),
                    otp::BUTTON if wait() => {}
                    otp::BUTTON => return Err(Error::NoButton),
                    StatusWord::REFERENCE_NOT_FOUND => return Err(Error::NotFound),
                    status => return Err(Error::refused("OATH AUTHENTICATE", status)),
                }
            }
        })
    }

    /// Configures a slot and puts its secret there. Between the two the slot has none: that is how the card does it.
    ///
    /// # Errors
    /// As [`Token::otp_code`]; [`Error::Unconfirmed`] for values that nobody has shown; [`Error::Input`]; [`Error::Managed`].
    pub fn configure_otp(
        &mut self,
        slot: u8,
        pin: &Pin,
        configuration: &OtpConfiguration,
        secret: &[u8],
        unconfirmed: bool,
    ) -> Result<(), Error> {
        self.may_configure_otp(Some(configuration), unconfirmed)?;
        // Before anything is sent.
        drop((otp::put_configuration(configuration)?, otp::put_key(secret)?));
        self.with_slot(slot, Some(pin), |piv| {
            put(piv, "PUT OATH CONFIGURATION", otp::put_configuration(configuration)?)?;
            put(piv, "PUT OATH KEY", otp::put_key(secret)?)
        })
    }

    /// Whether a slot may be configured like this, or emptied: before anybody is asked for anything. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Unconfirmed`], [`Error::Unsupported`].
    pub fn may_configure_otp(
        &self,
        configuration: Option<&OtpConfiguration>,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        CardCommand::PutOath.permit(self.family(), unconfirmed)?;
        if configuration.is_some_and(|configuration| !configuration.is_shown()) && !unconfirmed {
            return Err(Error::Unconfirmed("other one-time passwords than HOTP with SHA-1 and six digits"));
        }
        Ok(())
    }

    /// Takes the secret out of a slot.
    ///
    /// # Errors
    /// As [`Token::configure_otp`].
    pub fn delete_otp(&mut self, slot: u8, pin: &Pin, unconfirmed: bool) -> Result<(), Error> {
        self.may_configure_otp(None, unconfirmed)?;
        self.with_slot(slot, Some(pin), |piv| put(piv, "PUT OATH KEY", otp::remove_key()))
    }

    /// A code moves a counter on, so it takes permission where nobody knows the command.
    fn permit_code(&self, unconfirmed: bool) -> Result<(), Error> {
        let command = CardCommand::OathAuthenticate;
        match command.basis(self.family()) {
            Some(Basis::Inferred) if !unconfirmed => Err(Error::Unconfirmed(command.name())),
            _ => command.permit(self.family(), unconfirmed),
        }
    }

    /// One transaction, of which nothing is done twice.
    fn with_slot<T>(
        &mut self,
        slot: u8,
        pin: Option<&Pin>,
        work: impl Fn(&mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let aid = otp::aid(slot)?;
        self.state()?;
        self.known.demand_contact()?;
        if let Some(pin) = pin {
            self.known.login.refuse_again(pin, self.known.now())?;
        }
        let result = self.with_piv(Start::Select, |known, piv| {
            if piv.is_protected() || !is_free(piv, known.login.reference())? {
                return Err(Error::InUse);
            }
            piv.commit();
            if let Some(pin) = pin {
                // No try is spent for an application that is not there.
                select(piv, &aid)?;
                let verified = Aca::select(piv)?.verify(pin);
                if verified.is_err() {
                    known.login.note(pin, &verified, known.now());
                }
                verified?;
            }
            select(piv, &aid)?;
            let done = work(piv);
            if !matches!(&done, Err(error) if error.is_transport()) {
                piv.reselect()?;
            }
            done
        });
        self.selected = false;
        result
    }
}

fn select(piv: &mut Piv<'_>, aid: &[u8]) -> Result<(), Error> {
    let selected = piv.select_other(aid)?;
    selected.map(drop).ok_or(Error::Unsupported("one-time passwords, on this token,"))
}

fn slots(card: &mut Applications<'_, '_>) -> Result<Vec<OtpSlot>, Error> {
    let mut slots = Vec::new();
    for number in 1..=otp::SLOTS {
        let answer = card.select(&otp::aid(number)?)?;
        slots.extend(answer.map(|answer| otp::parse(number, &answer)));
    }
    Ok(slots)
}

fn put(piv: &mut Piv<'_>, during: &'static str, command: Command) -> Result<(), Error> {
    match piv.exchange(command)?.status {
        StatusWord::OK => Ok(()),
        StatusWord::SECURITY_STATUS_NOT_SATISFIED => Err(Error::Managed),
        status => Err(Error::refused(during, status)),
    }
}
