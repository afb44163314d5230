//! The command as scripts use it: secrets in variables, nobody at a terminal, and what it refuses told by code and exit code.

use crescendo_tests::{Done, Files, Lab, PIN, Program};
use serde_json::Value;

const AES_OF_DELIVERY: &str = "00000000000000000000000000000000";
/// The secret of RFC 4226, appendix D.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A card in a reader, and a script that uses the command.
pub(crate) struct Scene(pub(crate) Lab);

impl Scene {
    pub(crate) fn new(profile: &str) -> Self {
        Self::with(profile, &[])
    }

    pub(crate) fn with(profile: &str, options: &[&str]) -> Self {
        Self(Lab::start(&[&["--profile", profile], options].concat()))
    }

    /// The command without a terminal, so that nobody can be asked, and away from any policy of this machine.
    pub(crate) fn crescendo(&self, words: &[&str]) -> Program {
        let policy = self.0.file("policy.toml", "");
        let program = self.0.program("setsid").arg("--wait").arg(&Files::get().command).args(words);
        let secrets = [
            ("P", PIN),
            ("NEW", "271828"),
            ("PUK", "12345678"),
            ("NEW_PUK", "87654321"),
            ("XAUTH", AES_OF_DELIVERY),
            ("S", SECRET),
        ];
        let program = secrets.into_iter().fold(program, |program, (name, value)| program.env(name, value));
        program.env("CRESCENDO_POLICY", policy).env("CRESCENDO_FIRMWARE_KEYS", self.0.path("trusted"))
    }

    pub(crate) fn json(&self, words: &[&str]) -> Value {
        object(&self.crescendo(words).arg("--json").run())
    }

    /// The command fails so, for programs and for whoever looks at the exit code, and says why.
    #[track_caller]
    pub(crate) fn refuses(&self, words: &[&str], code: &str, exit: i32) -> Value {
        let done = self.crescendo(words).arg("--json").run();
        let error = object(&done)["error"].clone();
        assert_eq!((error["code"].as_str(), done.status), (Some(code), Some(exit)), "{done}");
        assert!(error["message"].as_str().is_some_and(|why| !why.is_empty()), "{done}");
        error
    }

    /// Whatever was tried, no try is gone and no right is left open.
    #[track_caller]
    pub(crate) fn is_untouched(&self, tries: &str) {
        assert_eq!(self.0.card("tries"), tries);
        assert_eq!(
            (self.0.card("verified").as_str(), self.0.card("rights").contains("true")),
            ("false", false)
        );
    }

    pub(crate) fn device(&self) -> Value {
        self.json(&["devices"])["devices"][0].clone()
    }

    pub(crate) fn why_not(&self, action: &str) -> Option<String> {
        let info = self.json(&["info"]);
        let actions = info["device"]["actions"].as_array().unwrap_or_else(|| panic!("{info}"));
        let item = actions.iter().find(|item| item["action"] == action).unwrap();
        item["reason"].as_str().map(str::to_owned)
    }
}

fn object(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}
