//! OpenSSH's agent with our module in it.

#![forbid(unsafe_code)]

use crescendo_tests::clients::ssh_agent::Agent;
use crescendo_tests::{Lab, PIN};

#[test]
fn it_holds_every_key_until_the_module_is_taken_out() {
    let lab = Lab::start(&[]);
    let agent = Agent::start(&lab);
    agent.holds_every_key(PIN);
    let removed = agent.add("-e", PIN);
    assert_eq!(removed.status, Some(0), "{removed}");
    assert!(agent.ssh_add().arg("-l").run().out.contains("The agent has no identities."));
}

#[test]
fn a_login_with_rsa() {
    let lab = Lab::start(&[]);
    let agent = Agent::start(&lab);
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    agent.logs_in_twice("ssh-rsa");
}

/// The agent's helper keeps its session, so the card has to take the login back by itself.
#[test]
fn a_login_after_the_card_was_reset_by_another_program() {
    let lab = Lab::start(&[]);
    let agent = Agent::start(&lab);
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let server = agent.server("ssh-rsa");
    let _ = lab.card("reset");
    assert_eq!(lab.card("verified"), "false");
    let login = server.log_in_by_agent(&lab, &agent.socket);
    assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
}

/// R10: the agent has no way to ask for a PIN when it signs. It gives up before the card hears of it.
#[test]
fn a_key_that_wants_its_pin_each_time_is_refused() {
    let lab = Lab::start(&[]);
    let agent = Agent::start(&lab);
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let login = agent.server("ecdsa").log_in_by_agent(&lab, &agent.socket);
    assert_ne!(login.status, Some(0), "{login}");
    assert!(login.err.contains("ECDSA \"SIGN pubkey\" from agent: agent refused operation"), "{login}");
    assert_eq!(lab.tries(), 6);
    // It leaves that signature begun for ever; the other keys go on.
    let other = lab.file("rsa.pub", agent.key("ssh-rsa"));
    let _ = agent.ssh_add().arg("-T").arg(other).succeed();
}

/// Unless its owner lets the PIN of the login count for this key, too.
#[test]
fn a_key_that_wants_its_pin_each_time_can_be_allowed() {
    let lab = Lab::start(&[]);
    let agent = Agent::with(&lab, "9C");
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    agent.logs_in_twice("ecdsa");
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let agent = Agent::start(&lab);
    let added = agent.add("-s", "654321");
    assert_ne!(added.status, Some(0), "{added}");
    assert_eq!(lab.tries(), 5, "{added}");
}
