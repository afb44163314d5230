//! Everything that can go wrong, at every place where it can: before each APDU, before each request to PC/SC, before each
//! call. No signature is wrong, no try of the PIN is lost, each code tells something; and when it is over, a program that
//! never called C_Initialize again finds everything as it was.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use common::{
    Bench, READER,
    journey::Journey,
    trap::{Seam, Trap},
};
use crescendo_pkcs11::Provider;
use link::LinkError;
use piv::Environment;
use sim::{Fault, Faults, Personality, SimCard, SimClock, SimReaders, SimStore, What};

/// The card manager, as another program selects it.
const FOREIGN: [u8; 7] = [0xA0, 0, 0, 1, 0x51, 0, 0];
/// When a listing asks again for what a card refused over and over.
const A_MINUTE: Duration = Duration::from_secs(61);

/// A bench whose readers fail when told to.
struct World {
    bench: Bench,
    trap: Trap,
}

/// What happens outside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Pulled,
    PulledAndPutBack,
    Reset,
    ForeignSelect,
    Unplugged,
    Replugged,
    ServiceStopped,
    ServiceRestarted,
    HeldByAnother,
}

const EVENTS: [Event; 9] = [
    Event::Pulled,
    Event::PulledAndPutBack,
    Event::Reset,
    Event::ForeignSelect,
    Event::Unplugged,
    Event::Replugged,
    Event::ServiceStopped,
    Event::ServiceRestarted,
    Event::HeldByAnother,
];

impl World {
    /// A new program in front of a card that every journey of a test leaves as it was: reading its keys takes longest.
    fn with(card: &SimCard) -> Self {
        let card = card.clone();
        let readers = SimReaders::with(READER, &card);
        let trap = Trap::over(readers.clone());
        let (store, clock) = (SimStore::default(), SimClock::default());
        let environment = Environment::new(Arc::new(store.clone()), Arc::new(clock.clone()));
        let provider = Provider::new(Arc::new(trap.clone()), environment.clone());
        Self { bench: Bench { provider: Arc::new(provider), readers, card, environment, store, clock }, trap }
    }

    /// What an event does, to be called from anywhere.
    fn event(&self, event: Event) -> impl Fn() + Send + 'static {
        let (card, readers, trap) = (self.bench.card.clone(), self.bench.readers.clone(), self.trap.clone());
        move || match event {
            Event::Pulled => card.pull(),
            Event::PulledAndPutBack => {
                card.pull();
                card.insert();
            }
            Event::Reset => card.reset(),
            Event::ForeignSelect => drop(card.foreign_select(&FOREIGN)),
            Event::Unplugged => readers.unplug(READER),
            Event::Replugged => {
                readers.unplug(READER);
                readers.put(READER, &card);
            }
            Event::ServiceStopped => {
                readers.stop();
                trap.restart();
            }
            Event::ServiceRestarted => trap.restart(),
            Event::HeldByAnother => card.set_busy(100),
        }
    }

    /// A journey with a fault in it; then, when time has passed, one without.
    fn survives(&self, fault: &str, patience: Duration) -> Journey<'_> {
        let told = Told(fault);
        let journey = Journey::over(&self.bench).run();
        self.bench.clock.pass(patience);
        drop(told);
        self.recovers(fault);
        journey
    }

    /// The fault is over: no try was lost by it, and everything works.
    fn recovers(&self, fault: &str) {
        let Bench { card, readers, .. } = &self.bench;
        let told = Told(fault);
        assert_eq!(card.tries().pin, 3, "{fault} cost a try");
        self.trap.set(|_| Ok(()));
        card.set_faults(Faults::none());
        card.set_busy(0);
        readers.start();
        if link::Readers::list(readers).unwrap().is_empty() {
            readers.put(READER, card);
        }
        card.insert();
        Journey::over(&self.bench).run().is_complete();
        assert!(!card.verified(), "{fault} left somebody logged in");
        assert_eq!(card.tries().pin, 3, "{fault} cost a try afterwards");
        drop(told);
    }
}

/// Says which fault a test panicked over.
struct Told<'a>(&'a str);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the fault: {}", self.0);
        }
    }
}

fn card() -> SimCard {
    SimCard::new(Personality { retired: 2, ..Personality::piv() })
}

/// How many APDUs, requests to PC/SC and calls a journey has when nothing goes wrong.
struct Lengths {
    apdus: u32,
    requests: u32,
    calls: u32,
}

fn lengths(card: &SimCard) -> Lengths {
    let world = World::with(card);
    let requests = Arc::new(AtomicU32::new(0));
    let count = requests.clone();
    world.trap.set(move |seam| {
        count.fetch_add(u32::from(seam != Seam::Transmit), Ordering::Relaxed);
        Ok(())
    });
    world.bench.apdus();
    let journey = Journey::over(&world.bench).run();
    journey.is_complete();
    Lengths {
        apdus: world.bench.apdus() as u32,
        requests: requests.load(Ordering::Relaxed),
        calls: journey.calls(),
    }
}

#[test]
fn nonsense_instead_of_any_one_answer() {
    let card = card();
    let apdus = lengths(&card).apdus;
    for what in [What::Garbage, What::Truncated, What::Oversized, What::Status(0x6F00), What::LoseAnswer] {
        for at in 1..=apdus {
            let world = World::with(&card);
            card.set_faults(Faults::at(at, what.clone()));
            world.survives(&format!("{what:?} at APDU {at}"), Duration::ZERO);
        }
    }
}

#[test]
fn nonsense_from_any_apdu_on() {
    let card = card();
    let apdus = lengths(&card).apdus;
    for what in [What::Garbage, What::Status(0x6F00)] {
        for at in 1..=apdus {
            let world = World::with(&card);
            let faults = (at..at + 300).map(|at| Fault { at, what: what.clone() });
            card.set_faults(Faults(faults.collect()));
            world.survives(&format!("{what:?} from APDU {at} on"), A_MINUTE);
        }
    }
}

#[test]
fn an_event_before_any_apdu() {
    let card = card();
    let apdus = lengths(&card).apdus;
    let events = [
        (Event::Pulled, Duration::ZERO),
        (Event::Reset, Duration::ZERO),
        // Nobody can do this while we hold the card. What the other applet does not have is looked for again.
        (Event::ForeignSelect, A_MINUTE),
        (Event::Replugged, Duration::ZERO),
        (Event::ServiceRestarted, Duration::ZERO),
    ];
    for (event, patience) in events {
        for at in 1..=apdus {
            let world = World::with(&card);
            let strike = world.event(event);
            world.trap.set(at_request(
                at,
                |seam| seam == Seam::Transmit,
                move || {
                    strike();
                    Ok(())
                },
            ));
            let fault = format!("{event:?} before APDU {at}");
            let journey = world.survives(&fault, patience);
            if event == Event::Reset {
                let _told = Told(&fault);
                journey.is_complete();
            }
        }
    }
}

#[test]
fn an_event_before_any_call() {
    let card = card();
    let calls = lengths(&card).calls;
    for event in EVENTS {
        for at in 1..=calls {
            let fault = format!("{event:?} before call {at}");
            let world = World::with(&card);
            let strike = world.event(event);
            let told = Told(&fault);
            let journey = Journey::over(&world.bench).before(|call| {
                if call == at {
                    strike();
                }
            });
            let journey = journey.run();
            // A reset, another program's applet: nobody has to notice.
            if matches!(event, Event::Reset | Event::ForeignSelect) {
                journey.is_complete();
            }
            drop(told);
            world.recovers(&fault);
        }
    }
}

#[test]
fn any_request_to_the_service_refused() {
    let card = card();
    let Lengths { apdus, requests, .. } = lengths(&card);
    for error in [|| LinkError::Timeout, || LinkError::Busy, || LinkError::Reset, broken] {
        for at in 1..=requests {
            let world = World::with(&card);
            world.trap.set(at_request(at, |seam| seam != Seam::Transmit, move || Err(error())));
            world.survives(&format!("{:?} at request {at}", error()), Duration::ZERO);
        }
    }
    for at in 1..=apdus {
        let world = World::with(&card);
        world.trap.set(at_request(at, |seam| seam == Seam::Transmit, || Err(broken())));
        world.survives(&format!("no answer to APDU {at}"), Duration::ZERO);
    }
}

fn broken() -> LinkError {
    LinkError::Other("the reader does not know either".into())
}

/// Does something at the n-th request of a kind.
fn at_request(
    at: u32,
    kind: impl Fn(Seam) -> bool + Send + 'static,
    strike: impl Fn() -> Result<(), LinkError> + Send + 'static,
) -> impl FnMut(Seam) -> Result<(), LinkError> + Send + 'static {
    let mut count = 0;
    move |seam| {
        count += u32::from(kind(seam));
        if kind(seam) && count == at { strike() } else { Ok(()) }
    }
}
