//! The view on a terminal: tiles, and single keys for what can be done with the one that is selected. What is done runs as
//! the subcommand does, in the usual screen, and the view comes back after it.

use std::{
    env, io,
    io::Write,
    process::ExitCode,
    sync::mpsc::{Receiver, TryRecvError},
    time::Duration,
};

use clap::Parser;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
};

use super::{
    Event, Machine,
    actions::{Deed, Key, find},
    seats::Seats,
    view::View,
};
use crate::{
    arguments::{Arguments, PinSource},
    failure::Failure,
    output::{Output, plain},
    pin::entered,
    secret,
};

/// How long a key press is waited for before it is looked what else happened.
const PULSE: Duration = Duration::from_millis(100);

/// How long a device that is being read is waited for at the end.
const LEAVING: Duration = Duration::from_secs(3);

/// What a key press leads to.
enum Step {
    Nothing,
    Redraw,
    Quit,
    Do(&'static Key),
}

struct Screen {
    terminal: DefaultTerminal,
    selected: usize,
    notice: String,
    colour: bool,
    /// What is to be done once the selected device has been read.
    waiting: Option<&'static Key>,
}

pub(super) fn run(machine: &Machine, seats: &mut Seats, arrived: &Receiver<Event>) -> Result<(), Failure> {
    let colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let terminal = ratatui::try_init().map_err(Failure::Output)?;
    let mut screen = Screen { terminal, selected: 0, notice: String::new(), colour, waiting: None };
    let result = screen.watch(machine, seats, arrived);
    ratatui::restore();
    // What is being read comes back before it can be left.
    while !seats.is_settled() {
        match arrived.recv_timeout(LEAVING) {
            Ok(event) => seats.take(event, machine)?,
            Err(_) => break,
        }
    }
    seats.leave();
    result
}

impl Screen {
    fn watch(
        &mut self,
        machine: &Machine,
        seats: &mut Seats,
        arrived: &Receiver<Event>,
    ) -> Result<(), Failure> {
        self.draw(seats)?;
        loop {
            let mut changed = false;
            loop {
                match arrived.try_recv() {
                    Ok(event) => seats.take(event, machine)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
                changed = true;
            }
            let step = match self.waiting.filter(|_| seats.device(self.selected).is_some()) {
                Some(key) => self.wanted(key, seats),
                None => self.next(seats)?,
            };
            match step {
                Step::Nothing => {}
                Step::Redraw => changed = true,
                Step::Quit => return Ok(()),
                Step::Do(key) => {
                    self.act(key, seats)?;
                    changed = true;
                }
            }
            // Only what changed is drawn: nothing flickers.
            if changed {
                self.draw(seats)?;
            }
        }
    }

    fn draw(&mut self, seats: &Seats) -> Result<(), Failure> {
        let tiles = seats.tiles();
        self.selected = self.selected.min(tiles.len().saturating_sub(1));
        let problem = seats.problem().filter(|_| self.notice.is_empty());
        let notice = problem.map_or_else(|| self.notice.clone(), |problem| format!("! {}", plain(problem)));
        let view = View { tiles, selected: self.selected, notice: &notice, colour: self.colour };
        self.terminal.draw(|frame| view.draw(frame)).map(drop).map_err(Failure::Output)
    }

    fn next(&mut self, seats: &mut Seats) -> Result<Step, Failure> {
        if !event::poll(PULSE).map_err(Failure::Output)? {
            return Ok(Step::Nothing);
        }
        match event::read().map_err(Failure::Output)? {
            Input::Key(key) if key.kind == KeyEventKind::Press => Ok(self.pressed(key, seats)),
            Input::Resize(..) => Ok(Step::Redraw),
            _ => Ok(Step::Nothing),
        }
    }

    fn pressed(&mut self, key: KeyEvent, seats: &mut Seats) -> Step {
        self.notice.clear();
        self.waiting = None;
        let last = seats.tiles().len().saturating_sub(1);
        match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('q') | KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return Step::Quit,
            (KeyCode::Left | KeyCode::Up | KeyCode::BackTab, _) => {
                self.selected = self.selected.checked_sub(1).unwrap_or(last);
            }
            (KeyCode::Right | KeyCode::Down | KeyCode::Tab, _) => {
                self.selected = if self.selected >= last { 0 } else { self.selected + 1 };
            }
            (KeyCode::Char('r'), _) => seats.reload(self.selected),
            (KeyCode::Char(letter), false) => {
                return find(letter).map_or(Step::Redraw, |key| self.wanted(key, seats));
            }
            _ => {}
        }
        Step::Redraw
    }

    /// What cannot be done is refused with the reason, and nothing runs; a device that is being read is waited for.
    fn wanted(&mut self, key: &'static Key, seats: &mut Seats) -> Step {
        self.waiting = None;
        if seats.device(self.selected).is_none() {
            self.waiting = (!seats.tiles().is_empty()).then_some(key);
            "The device is being read: a moment.".clone_into(&mut self.notice);
            return Step::Redraw;
        }
        self.notice.clear();
        let Some(tile) = seats.tiles().get(self.selected) else { return Step::Nothing };
        match key.why_not(tile) {
            Some(why) => {
                self.notice = format!("{}: {why}.", key.word);
                Step::Redraw
            }
            None => Step::Do(key),
        }
    }

    /// Leaves the view for as long as it takes.
    fn act(&mut self, key: &Key, seats: &mut Seats) -> Result<(), Failure> {
        ratatui::restore();
        let done = match key.deed {
            Deed::Authenticate => self.authenticate(seats),
            Deed::Run(_) => self.command(key, seats, None),
            Deed::Update => match ask("Firmware file (drop it here, or paste its path): ")? {
                file if file.is_empty() => Ok(()),
                file => self.command(key, seats, Some(&file)),
            },
        };
        if let Err(failure) = done {
            let _: ExitCode = failure.report(&Output { json: false, lines: false });
        }
        ask("Press Enter to go back to the devices. ")?;
        self.terminal = ratatui::try_init().map_err(Failure::Output)?;
        seats.reload(self.selected);
        Ok(())
    }

    fn command(&mut self, key: &Key, seats: &mut Seats, file: Option<&str>) -> Result<(), Failure> {
        let Some(tile) = seats.tiles().get(self.selected) else { return Ok(()) };
        let words = key.words(tile, file);
        println!("{}", plain(words.join(" ")));
        match Arguments::try_parse_from(words).map(|arguments| arguments.command) {
            Ok(Some(command)) => crate::run(&Output { json: false, lines: false }, command),
            Ok(None) => Ok(()),
            Err(error) => error.print().map_err(Failure::Output),
        }
    }

    /// It holds for this view, until it is left, the device is taken away, or 15 minutes have passed without use.
    fn authenticate(&mut self, seats: &mut Seats) -> Result<(), Failure> {
        let Some(device) = seats.device(self.selected) else { return Ok(()) };
        secret::leave_no_core();
        let pin = entered(&PinSource { pin_env: None, pin_fd: None }, device, "PIN")?;
        device.authenticate(&pin)?;
        seats.keep(self.selected);
        println!("Authenticated.");
        Ok(())
    }
}

/// A line from the terminal.
fn ask(question: &str) -> Result<String, Failure> {
    print!("{question}");
    io::stdout().flush().map_err(Failure::Output)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(Failure::Output)?;
    Ok(line.trim().to_owned())
}
