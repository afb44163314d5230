//! OpenVPN on our module: a whole tunnel, from the lab's loopback to the lab's loopback.

#![forbid(unsafe_code)]

use crescendo_tests::clients::openvpn::{Management, client, ids, server, works};
use crescendo_tests::{Lab, PIN, free_port};

#[test]
fn every_certificate_has_an_id() {
    let lab = Lab::start(&[]);
    let ids = ids(&lab);
    assert_eq!(ids.len(), 4, "{ids:?}");
    for (index, id) in ids.iter().enumerate() {
        assert!(id.ends_with(&format!(r"/Crescendo\x20Test\x20Holder/0{}", index + 1)), "{ids:?}");
    }
}

#[test]
fn the_tunnel_opens_with_the_pin() {
    let lab = Lab::start(&[]);
    works(&lab, PIN);
    assert_eq!(lab.tries(), 6);
}

/// It asks again, and the right PIN is taken then.
#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let port = free_port();
    let (_server, client) = (server(&lab, &port), client(&lab, &port));
    let mut management = Management::release(&lab.path("management"));
    management.give("654321");
    management.wait_for(">PASSWORD:Need");
    assert_eq!(lab.tries(), 5, "{}", client.log());
    management.say(&format!("password \"Crescendo Test Holder token\" {PIN}"));
    client.wait_for("Initialization Sequence Completed");
}
