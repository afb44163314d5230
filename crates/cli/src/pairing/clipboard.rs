//! The clipboard of the desktop, for as long as it takes to paste a code. Whoever asks is told that it is sensitive; what
//! keeps a history of clipboards may heed that.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use arboard::SetExtLinux;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How long the code stays there.
const STAY: Duration = Duration::from_secs(30);
/// How often somebody is looked for who cannot wait.
const LOOK: Duration = Duration::from_millis(50);

/// A clipboard with text.
pub(crate) trait Clipboard {
    /// Puts text there.
    fn put(&mut self, text: &str) -> Result<(), Failure>;

    /// The text that is there.
    fn text(&mut self) -> Option<Zeroizing<String>>;

    /// Takes away whatever is there.
    fn clear(&mut self) -> Result<(), Failure>;
}

/// Puts the text there, waits, and takes it away: if it is still there (`true`), and nothing else in its place.
pub(crate) fn lend(clipboard: &mut dyn Clipboard, text: &str, wait: impl FnOnce()) -> Result<bool, Failure> {
    clipboard.put(text)?;
    wait();
    let is_there = clipboard.text().is_some_and(|found| *found == text);
    if is_there {
        clipboard.clear()?;
    }
    Ok(is_there)
}

/// Whoever wants the clipboard back before its time.
pub(crate) struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From here on Ctrl-C does not end the program, but the wait.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let is_over = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, is_over.clone()).map_err(|error| Failure::Clipboard(error.to_string()))?;
        }
        Ok(Self(is_over))
    }

    /// Waits for the time to pass, or for Ctrl-C.
    pub(crate) fn wait(&self) {
        let end = Instant::now() + STAY;
        while Instant::now() < end && !self.0.load(Ordering::Relaxed) {
            sleep(LOOK);
        }
    }
}

/// The clipboard of this desktop, X11 or Wayland.
pub(crate) struct Desktop(arboard::Clipboard);

impl Desktop {
    /// Finds it.
    pub(crate) fn open() -> Result<Self, Failure> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("WAYLAND_DISPLAY") && !is_set("DISPLAY") {
            return Err(Failure::Clipboard("neither WAYLAND_DISPLAY nor DISPLAY is set".to_owned()));
        }
        arboard::Clipboard::new().map(Self).map_err(failed)
    }
}

impl Clipboard for Desktop {
    fn put(&mut self, text: &str) -> Result<(), Failure> {
        self.0.set().exclude_from_history().text(text).map_err(failed)
    }

    fn text(&mut self) -> Option<Zeroizing<String>> {
        self.0.get_text().ok().map(Zeroizing::new)
    }

    fn clear(&mut self) -> Result<(), Failure> {
        self.0.clear().map_err(failed)
    }
}

fn failed(error: arboard::Error) -> Failure {
    Failure::Clipboard(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    #[derive(Clone, Default)]
    struct Board(Rc<RefCell<Option<String>>>);

    impl Clipboard for Board {
        fn put(&mut self, text: &str) -> Result<(), Failure> {
            *self.0.borrow_mut() = Some(text.to_owned());
            Ok(())
        }

        fn text(&mut self) -> Option<Zeroizing<String>> {
            self.0.borrow().clone().map(Zeroizing::new)
        }

        fn clear(&mut self) -> Result<(), Failure> {
            *self.0.borrow_mut() = None;
            Ok(())
        }
    }

    #[test]
    fn there_while_one_waits_and_gone_after_it() {
        let board = Board::default();
        let wait = || assert_eq!(board.0.borrow().as_deref(), Some("27182818"));
        assert!(lend(&mut board.clone(), "27182818", wait).unwrap());
        assert_eq!(*board.0.borrow(), None);
    }

    #[test]
    fn what_somebody_else_has_copied_since_stays() {
        let board = Board::default();
        let wait = || *board.0.borrow_mut() = Some("a letter".to_owned());
        assert!(!lend(&mut board.clone(), "27182818", wait).unwrap());
        assert_eq!(board.0.borrow().as_deref(), Some("a letter"));
        assert!(!lend(&mut board.clone(), "27182818", || *board.0.borrow_mut() = None).unwrap());
    }
}
