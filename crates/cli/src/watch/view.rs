//! The tiles on a terminal. Every state has a sign and a word; colour repeats it where there is colour.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, BorderType, Paragraph, Wrap},
};

use super::{
    actions::KEYS,
    tile::{Certificate, Lock, Tile},
};

/// A tile has so many lines, its frame included, and is at least so wide.
const HEIGHT: u16 = 12;
const WIDTH: u16 = 56;
/// So many certificates are shown.
const CERTIFICATES: usize = 4;

/// All that is shown.
pub(crate) struct View<'v> {
    pub(crate) tiles: &'v [Tile],
    pub(crate) selected: usize,
    /// What is said to the person who just pressed a key.
    pub(crate) notice: &'v str,
    pub(crate) colour: bool,
}

impl View<'_> {
    pub(crate) fn draw(&self, frame: &mut Frame<'_>) {
        let [head, body, notice, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(HEIGHT),
            Constraint::Length(1),
            Constraint::Length(3),
        ])
        .areas(frame.area());
        frame.render_widget(self.head(), head);
        self.body(frame, body);
        frame.render_widget(Line::from(self.notice).style(Style::new().add_modifier(Modifier::BOLD)), notice);
        frame.render_widget(Paragraph::new(self.keys()).wrap(Wrap { trim: true }), keys);
    }

    fn head(&self) -> Line<'_> {
        let count = match self.tiles.len() {
            0 => "no device".to_owned(),
            1 => "1 device".to_owned(),
            many => format!("{many} devices, the selected one is marked ▶"),
        };
        Line::from(vec![Span::styled("Crescendo", Modifier::BOLD), Span::raw(format!("  {count}"))])
    }

    fn body(&self, frame: &mut Frame<'_>, area: Rect) {
        if self.tiles.is_empty() {
            let text = "No reader and no key is connected.\nPlug in a key, or a reader with a card.";
            frame.render_widget(Paragraph::new(text), area);
            return;
        }
        let columns = usize::from((area.width / WIDTH).clamp(1, 3));
        let rows = usize::from((area.height / HEIGHT).max(1));
        // The selected one stays in sight.
        let first = (self.selected / columns + 1).saturating_sub(rows) * columns;
        let width = area.width / columns as u16;
        for (place, (index, tile)) in
            self.tiles.iter().enumerate().skip(first).take(rows * columns).enumerate()
        {
            let (column, row) = ((place % columns) as u16, (place / columns) as u16);
            let place = Rect::new(area.x + column * width, area.y + row * HEIGHT, width, HEIGHT);
            frame.render_widget(self.tile(tile, index == self.selected), place.intersection(area));
        }
    }

    fn tile(&self, tile: &Tile, is_selected: bool) -> Paragraph<'static> {
        let (sign, word) = tile.sign_and_word();
        let mut lines = vec![Line::from(format!("{sign} {word}"))];
        if tile.lock != Lock::None {
            let text = format!("{} {}", tile.lock.sign(), tile.lock.words());
            lines.push(Line::styled(text, self.colour_of(lock_colour(tile.lock))));
        }
        if let Some(problem) = &tile.problem {
            lines.push(Line::styled(format!("! {problem}"), self.colour_of(Color::Yellow)));
        }
        lines.push(Line::from(format!("Reader   {}", tile.reader)));
        lines.extend(tile.id.as_ref().map(|id| Line::from(format!("ID       {id}"))));
        lines.extend(tile.label.as_ref().map(|label| Line::from(format!("Label    {label}"))));
        lines.extend(tile.firmware.as_ref().map(|version| Line::from(format!("Firmware {version}"))));
        let room = usize::from(HEIGHT - 2).saturating_sub(lines.len()).min(CERTIFICATES);
        lines.extend(self.certificates(&tile.certificates, room));
        let mark = if is_selected { "▶ " } else { "" };
        let kind = if is_selected { BorderType::Double } else { BorderType::Plain };
        let style = if is_selected { Modifier::BOLD } else { Modifier::empty() };
        let title = Line::styled(format!(" {mark}{} ", tile.title()), style);
        Paragraph::new(lines).block(Block::bordered().border_type(kind).title(title))
    }

    fn certificates(&self, all: &[Certificate], room: usize) -> Vec<Line<'static>> {
        let shown = if all.len() > room { room.saturating_sub(1) } else { all.len() };
        let mut lines: Vec<_> =
            all.iter().take(shown).map(|certificate| self.certificate(certificate)).collect();
        let rest = &all[shown..];
        if !rest.is_empty() && room > 0 {
            let marked = rest.iter().filter(|certificate| certificate.mark.is_some()).count();
            let marks = if marked == 0 { String::new() } else { format!(", ! {marked} of them marked") };
            lines.push(Line::from(format!("and {} more{marks}", rest.len())));
        }
        lines
    }

    fn certificate(&self, certificate: &Certificate) -> Line<'static> {
        let Certificate { key, subject, until, mark } = certificate;
        let mut spans = vec![Span::raw(format!("{key} {until} "))];
        if let Some(mark) = mark {
            let colour = if *mark == "expires within a month" { Color::Yellow } else { Color::Red };
            spans.push(Span::styled(format!("! {mark} "), self.colour_of(colour)));
        }
        spans.push(Span::raw(subject.clone()));
        Line::from(spans)
    }

    /// What can be done with the selected device, and what is always there.
    fn keys(&self) -> Line<'static> {
        let tile = self.tiles.get(self.selected);
        let offered = KEYS.iter().filter(|key| tile.is_some_and(|tile| key.why_not(tile).is_none()));
        let all = offered.map(|key| (key.letter.to_string(), key.word)).chain([
            ("r".to_owned(), "reload"),
            ("arrows".to_owned(), "select"),
            ("q".to_owned(), "quit"),
        ]);
        let spans = all.flat_map(|(letter, word)| {
            // A key and its word stay on one line.
            let word = format!("\u{A0}{}", word.replace(' ', "\u{A0}"));
            [Span::styled(letter, Modifier::BOLD | Modifier::REVERSED), Span::raw(word + "   ")]
        });
        Line::from(spans.collect::<Vec<_>>())
    }

    fn colour_of(&self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}

fn lock_colour(lock: Lock) -> Color {
    match lock {
        Lock::Authenticated | Lock::InUse => Color::Blue,
        Lock::None => Color::Reset,
        Lock::Locked { .. } | Lock::Blocked => Color::Red,
    }
}
