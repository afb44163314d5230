//! Secure messaging with one card in one insertion: when it is wanted, how it begins, and who vouches for the card. Fails
//! closed: where it was wanted and could not be had, nothing goes over plain contactless that needs a PIN, nor any private
//! key, and the reason is told (SP 800-73-5 part 1, 5.5; part 2, 4).

use std::sync::Arc;

use link::Transmit;
use rand_core::OsRng;

use crate::{
    Discovery, Environment, Error, Exchange, Identity, PairingCode,
    channel::{ChannelError, ContentSigner, Establishment, LearntSigner, Peer, SecureChannel, Suite, Trust},
    exchange::Trace,
    known::Known,
    object::hex,
    piv::Piv,
};

/// What to do about a card that nobody vouches for.
const NOBODY: &str = "nobody vouches for it; put it into a contact reader once and run \"crescendo pairing retrieve\", or \
                      install the certificate of its issuer";

/// How commands reach the card, and so what it shows and does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Contacts, USB.
    #[default]
    Contact,
    /// Contactless without secure messaging.
    Plain,
    /// Contactless with secure messaging, and the card waits for its pairing code.
    Unpaired,
    /// The virtual contact interface.
    Vci,
}

impl Access {
    /// Whether everything can be read and used, as far as the interface goes.
    pub(crate) fn is_full(self) -> bool {
        matches!(self, Self::Contact | Self::Vci)
    }
}

/// Secure messaging with one card.
pub(crate) struct Messaging {
    environment: Environment,
    contactless: bool,
    stage: Stage,
    channel: Option<SecureChannel>,
    /// What the card was in the first establishment of this insertion: the next one must be with the same.
    first: Option<(Peer, Arc<ContentSigner>)>,
    /// A code that a person entered, until the card has left.
    code: Option<PairingCode>,
    trace: Option<Trace>,
}

/// How far it has come.
enum Stage {
    /// The card was not asked yet.
    New,
    /// It offers none that we would use.
    NotOffered,
    /// It was established, and is again when it is lost.
    Wanted,
    /// It was tried, and failed.
    Failed,
}

impl Messaging {
    pub(crate) fn new(environment: &Environment, has_contactless_atr: bool) -> Self {
        let policy = &environment.messaging;
        let contactless = has_contactless_atr && !policy.contactless_is_contact;
        if has_contactless_atr && !contactless {
            tracing::warn!(
                "UNSAFE: a contactless reader is treated as contact; PINs go through the air in clear"
            );
        }
        let stage = if contactless || policy.always { Stage::New } else { Stage::NotOffered };
        Self {
            environment: environment.clone(),
            contactless,
            stage,
            channel: None,
            first: None,
            code: None,
            trace: None,
        }
    }

    /// The access before the card was asked.
    pub(crate) fn access(&self) -> Access {
        if self.contactless { Access::Plain } else { Access::Contact }
    }

    /// Someone reset the card, or a transaction went wrong: the keys are gone.
    pub(crate) fn lose(&mut self) {
        self.channel = None;
    }

    /// Whether it has to be established before the card is used.
    pub(crate) fn is_due(&self) -> bool {
        let is_open = self.channel.as_ref().is_some_and(SecureChannel::is_open);
        matches!(self.stage, Stage::New | Stage::Wanted) && !is_open
    }

    /// The cipher suite of the card that was met.
    pub(crate) fn suite(&self) -> Option<Suite> {
        self.first.as_ref().map(|(peer, _)| peer.cvc().suite())
    }

    pub(crate) fn channel(&mut self) -> Option<&mut SecureChannel> {
        self.channel.as_mut().filter(|channel| channel.is_open())
    }

    /// What came over the link during an establishment, to be emitted when the card is free.
    pub(crate) fn take_trace(&mut self) -> Option<Trace> {
        self.trace.take()
    }

    /// A person acts on purpose: what failed before is tried once more.
    pub(crate) fn try_again(&mut self) {
        if matches!(self.stage, Stage::Failed) {
            self.stage = Stage::New;
        }
    }

    /// The card has accepted this code: it is kept for the login session, and if there is no place for it, for this program.
    pub(crate) fn keep_code(&mut self, card: Option<&Identity>, code: &PairingCode) {
        if let Some(guid) = card.and_then(Identity::guid)
            && let Err(error) = self.environment.codes.save(&hex(&guid), code.digits())
        {
            tracing::warn!(%error, "the pairing code is kept until this program logs out");
        }
        self.code = Some(code.clone());
    }

    /// A login is over: neither keys nor code stay in this program.
    pub(crate) fn end(&mut self) {
        self.channel = None;
        self.code = None;
    }

    /// Meets the card: SELECT, identity, policy; and if all of that asks for it, key establishment and the pairing code.
    /// What fails is remembered and told; only the link's own errors end the transaction here.
    pub(crate) fn begin(&mut self, link: &mut dyn Transmit, known: &mut Known) -> Result<(), Error> {
        self.channel = None;
        let mut exchange = Exchange::new(link);
        exchange.extend(known.longest());
        let mut piv = Piv::assumed(exchange, known.family);
        let met = self.meet(&mut piv, known);
        known.note_longest(piv.longest());
        self.trace = Some(piv.into_trace());
        let (access, barred) = match met {
            Ok(Some(mut open)) => {
                self.stage = Stage::Wanted;
                let access = self.pair(link, &mut open)?;
                self.channel = Some(open.channel);
                (access, None)
            }
            Ok(None) => {
                self.stage = Stage::NotOffered;
                (Access::Plain, None)
            }
            Err(error @ (Error::Link(_) | Error::NotPiv)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "no secure messaging");
                self.stage = Stage::Failed;
                (Access::Plain, Some(cause(&error)))
            }
        };
        known.set_access(if self.contactless { access } else { Access::Contact }, barred);
        Ok(())
    }

    /// In plain, up to the keys. `None`: there is to be none.
    fn meet(&mut self, piv: &mut Piv<'_>, known: &mut Known) -> Result<Option<Open>, Error> {
        piv.reselect()?;
        let suite = Suite::announced(piv.template());
        let identity = known.meet(piv)?;
        let discovery = known.read_policy(piv)?;
        let wanted = discovery.is_some_and(|discovery| discovery.vci()) || !self.contactless;
        let Some(suite) = suite.filter(|_| wanted) else { return Ok(None) };
        let identity = identity.ok_or(ChannelError::OtherCard)?;
        let signer = match &self.first {
            Some((_, signer)) => signer.clone(),
            None => Arc::new(known.content_signer(piv)?),
        };
        let (command, pending) = Establishment::start(suite, &mut OsRng)?;
        let answer = piv.exchange(command)?;
        let (mut channel, peer) = pending.finish(&answer, identity.guid())?;
        self.demand_same(&peer)?;
        if self.first.is_none() {
            self.demand_trust(&peer, &signer, &identity)?;
            self.first = Some((peer, signer));
        }
        channel.trust();
        Ok(Some(Open { channel, identity, discovery }))
    }

    /// Another card than the one that began this insertion gets nothing.
    fn demand_same(&self, peer: &Peer) -> Result<(), Error> {
        match &self.first {
            Some((first, _)) if first.cvc().encoded() != peer.cvc().encoded() => {
                Err(ChannelError::OtherCard.into())
            }
            _ => Ok(()),
        }
    }

    /// Somebody has to vouch for a card over contactless. Over contact a person has put it there.
    fn demand_trust(&self, peer: &Peer, signer: &ContentSigner, card: &Identity) -> Result<(), Error> {
        if !self.contactless {
            return Ok(());
        }
        let policy = &self.environment.messaging;
        let learnt = self.learnt(card)?;
        let date = self.environment.clock.date().as_secs();
        match Trust::of(peer, signer, &policy.anchors, learnt.as_ref(), date) {
            Trust::Anchored | Trust::Learnt => Ok(()),
            Trust::FirstUse if policy.first_use => {
                tracing::warn!("a card that nobody vouches for is believed at first use, as configured");
                self.learn(peer, signer);
                Ok(())
            }
            Trust::FirstUse => Err(ChannelError::NotBelieved(NOBODY).into()),
            Trust::Refused(why) => Err(ChannelError::NotBelieved(why).into()),
        }
    }

    fn learnt(&self, card: &Identity) -> Result<Option<LearntSigner>, Error> {
        let record = card.guid().and_then(|guid| self.environment.signers.load(&hex(&guid)));
        record.map(|bytes| LearntSigner::from_bytes(&bytes)).transpose()
    }

    fn learn(&self, peer: &Peer, signer: &ContentSigner) -> bool {
        let Some(learnt) = LearntSigner::learn(peer, signer) else { return false };
        self.environment.signers.update(&hex(&learnt.guid()), &mut |_| Some(learnt.to_bytes()));
        true
    }

    /// Learns over contact who has signed this card, so that it is known again over contactless. Ends the channel: over
    /// contact the card is spoken to in plain.
    pub(crate) fn learn_over_contact(
        &mut self,
        link: &mut dyn Transmit,
        known: &mut Known,
    ) -> Result<bool, Error> {
        let mut piv = Piv::assumed(Exchange::new(link), known.family);
        let met = self.meet(&mut piv, known);
        self.trace = Some(piv.into_trace());
        let is_open = met?.is_some();
        let learnt = self.first.as_ref().is_some_and(|(peer, signer)| self.learn(peer, signer));
        Ok(is_open && learnt)
    }

    /// The pairing code, where the card wants one and one is known. A code that the card does not accept is forgotten.
    fn pair(&mut self, link: &mut dyn Transmit, open: &mut Open) -> Result<Access, Error> {
        let wants_code = open.discovery.is_some_and(|discovery| discovery.wants_pairing_code());
        if !self.contactless || !wants_code {
            return Ok(Access::Vci);
        }
        let Some(code) = self.code.clone().or_else(|| self.stored(&open.identity)) else {
            return Ok(Access::Unpaired);
        };
        let mut piv = Piv::assumed(Exchange::protected(link, &mut open.channel), crate::Family::Standard);
        let verified = piv.verify_pairing_code(&code);
        let trace = piv.into_trace();
        self.trace = self.trace.take().map(|before| before.and(trace));
        match verified {
            Ok(()) => Ok(Access::Vci),
            Err(Error::WrongPairingCode) => {
                tracing::warn!(
                    "the card does not accept the pairing code that is kept of it: it is forgotten"
                );
                self.forget_kept(&open.identity);
                Ok(Access::Unpaired)
            }
            Err(error) => Err(error),
        }
    }

    fn stored(&self, card: &Identity) -> Option<PairingCode> {
        let mut code = None;
        self.environment.codes.load(&hex(&card.guid()?), &mut |digits| code = PairingCode::new(digits).ok());
        code
    }

    fn forget_kept(&mut self, card: &Identity) {
        self.code = None;
        if let Some(guid) = card.guid() {
            self.environment.codes.remove(&hex(&guid));
        }
    }
}

/// A channel that was just opened, and whose card it is.
struct Open {
    channel: SecureChannel,
    identity: Identity,
    discovery: Option<Discovery>,
}

fn cause(error: &Error) -> ChannelError {
    match error {
        Error::Channel(why) => *why,
        Error::Refused { status, .. } => ChannelError::Refused(*status),
        Error::Malformed(what) => ChannelError::Malformed(what),
        _ => ChannelError::Malformed("answer"),
    }
}
