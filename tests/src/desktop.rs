//! A screen for programs with windows, and somebody at its keyboard.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::PIN;
use crate::files::target;
use crate::lab::Lab;
use crate::program::{Program, Server};

/// How long a window may be awaited. Browsers are slow to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A virtual screen that only programs of the lab see. There is no window manager on it.
#[derive(Debug)]
pub struct Desktop {
    name: &'static str,
    display: String,
    _server: Server,
}

impl Desktop {
    /// Starts one. Its pictures will be called `name-...`.
    ///
    /// # Panics
    /// When Xvfb does not start.
    #[must_use]
    pub fn start(lab: &Lab, name: &'static str) -> Self {
        // Its lock and its socket go into a /tmp that vanishes with it; clients come through the lab's own network.
        let script =
            "mount -t tmpfs tmpfs /tmp && exec Xvfb -displayfd 1 -screen 0 1280x900x24 -nolisten tcp";
        let xvfb = lab.server("unshare").args(&["--mount", "sh", "-c", script]);
        let server = xvfb.serve(lab.path("xvfb.log"), "");
        let started = Instant::now();
        loop {
            // The number is said when it listens.
            let log = server.log();
            let number =
                log.lines().find(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()));
            if let Some(number) = number.filter(|_| log.ends_with('\n')) {
                return Self { name, display: format!(":{number}"), _server: server };
            }
            assert!(started.elapsed() < PATIENCE, "Xvfb does not start: {log}");
            sleep(Duration::from_millis(50));
        }
    }

    /// A program on this screen, with the processes it makes: they all end together.
    #[must_use]
    pub fn program(&self, lab: &Lab, name: &str) -> Program {
        let program = lab.server("unshare").args(&["--pid", "--fork", "--kill-child", "--mount-proc", name]);
        self.on_screen(program)
    }

    /// Waits for a window whose title has these words.
    ///
    /// # Panics
    /// When it does not come. A picture of what is there instead is kept.
    #[track_caller]
    pub fn wait_for(&self, lab: &Lab, title: &str) {
        let seen = patient(PATIENCE, || self.shows(lab, title));
        assert!(seen, "no window {title:?}, but what {} shows", self.picture(lab, "failed").display());
    }

    /// Whether there is a window whose title has these words.
    #[must_use]
    pub fn shows(&self, lab: &Lab, title: &str) -> bool {
        self.search(lab, title).arg("getwindowname").run().status == Some(0)
    }

    /// Waits for the window that asks for the PIN, keeps a picture of it, types the PIN, and sees the window go.
    ///
    /// # Panics
    /// When it does not come, or stays.
    #[track_caller]
    pub fn give_pin(&self, lab: &Lab, title: &str) {
        self.wait_for(lab, title);
        // It takes no keys yet when it is first seen.
        sleep(Duration::from_secs(1));
        let _ = self.picture(lab, "pin");
        let window = self.search(lab, title).succeed().out;
        self.type_line(lab, title, PIN);
        // The next one may look the same.
        let gone = patient(PATIENCE, || self.search(lab, title).run().out != window);
        assert!(gone, "{title:?} stays, as {} shows", self.picture(lab, "failed").display());
    }

    /// Types an address into a browser, until a window comes whose title has these words.
    #[track_caller]
    pub fn visit(&self, lab: &Lab, browser: &str, url: &str, title: &str) {
        self.insist(lab, title, || {
            self.press(lab, browser, "ctrl+l");
            self.type_line(lab, browser, url);
        });
    }

    /// Presses a key in one window, until a window comes whose title has these words.
    #[track_caller]
    pub fn press_until(&self, lab: &Lab, window: &str, key: &str, title: &str) {
        self.insist(lab, title, || self.press(lab, window, key));
    }

    /// Waits until the text that a window shows, of which everything can be selected, has these words.
    ///
    /// # Panics
    /// When it has not in the end.
    #[track_caller]
    pub fn wait_for_text(&self, lab: &Lab, title: &str, words: &str) {
        let seen = patient(PATIENCE, || {
            self.press(lab, title, "ctrl+a");
            self.press(lab, title, "ctrl+c");
            self.tool(lab, "xclip").args(&["-o", "-selection", "clipboard"]).run().out.contains(words)
        });
        assert!(seen, "no {words:?}, but what {} shows", self.picture(lab, "failed").display());
    }

    /// Does something again until a window comes: a program that is still busy starting loses keys.
    #[track_caller]
    fn insist(&self, lab: &Lab, title: &str, keys: impl Fn()) {
        for _ in 0..4 {
            keys();
            if patient(Duration::from_secs(15), || self.shows(lab, title)) {
                return;
            }
        }
        self.wait_for(lab, title);
    }

    /// Types a line into the window whose title has these words.
    #[track_caller]
    pub fn type_line(&self, lab: &Lab, title: &str, text: &str) {
        self.type_text(lab, title, text);
        self.press(lab, title, "Return");
    }

    /// Types into the window whose title has these words.
    #[track_caller]
    pub fn type_text(&self, lab: &Lab, title: &str, text: &str) {
        self.focus(lab, title);
        let _ = self.tool(lab, "xdotool").args(&["type", "--delay", "40", text]).succeed();
    }

    /// Presses a key, such as `ctrl+l`, in the window whose title has these words.
    #[track_caller]
    pub fn press(&self, lab: &Lab, title: &str, key: &str) {
        self.focus(lab, title);
        let _ = self.tool(lab, "xdotool").args(&["key", key]).succeed();
    }

    /// Keeps a picture of the whole screen in `target/screenshots`.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn picture(&self, lab: &Lab, what: &str) -> PathBuf {
        let folder = target().join("screenshots");
        fs::create_dir_all(&folder).expect("the target folder takes files");
        let file = folder.join(format!("{}-{what}.png", self.name));
        let _ = self.tool(lab, "import").args(&["-window", "root"]).arg(&file).succeed();
        file
    }

    #[track_caller]
    fn focus(&self, lab: &Lab, title: &str) {
        let _ = self.search(lab, title).args(&["windowfocus", "--sync"]).succeed();
    }

    fn search(&self, lab: &Lab, title: &str) -> Program {
        self.tool(lab, "xdotool").args(&["search", "--onlyvisible", "--name", title])
    }

    /// Titles have dashes that ASCII lacks.
    fn on_screen(&self, program: Program) -> Program {
        program.env("DISPLAY", &self.display).env("WAYLAND_DISPLAY", "").env("LC_ALL", "C.UTF-8")
    }

    fn tool(&self, lab: &Lab, name: &str) -> Program {
        self.on_screen(lab.program_inside(name))
    }
}

/// Whether something comes true in time.
fn patient(patience: Duration, mut happens: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !happens() {
        if started.elapsed() > patience {
            return false;
        }
        sleep(Duration::from_millis(200));
    }
    true
}
