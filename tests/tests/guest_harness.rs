//! The guests themselves: tests/guest and `Guest`.

#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Duration;

use crescendo_tests::{Guest, Root};

#[test]
#[ignore = "slow lane: boots a guest"]
fn a_guest_hands_back_results_and_how_its_script_ended() {
    for (root, debian) in [(Root::Host, "(bookworm)"), (Root::Trixie, "(trixie)")] {
        let run = Guest::new(root, "harness.sh").give("given", "from outside\n").run(&["7"]);
        assert_eq!(run.status, Some(7), "{}", run.console);
        let kept = run.text("kept");
        assert!(kept.starts_with("from outside\n") && kept.contains(debian), "{kept}");
        assert!(!Path::new("/root-of-the-guest").exists());
    }
    let run = Guest::new(Root::Host, "harness.sh").limit(Duration::from_secs(1)).run(&["0"]);
    assert_eq!(run.status, None, "it was ended before it could say anything");
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
}
