//! Thunderbird on our module: a mail is signed, and one that was encrypted to a retired key is read.

#![forbid(unsafe_code)]

use crescendo_tests::clients::thunderbird::{ADDRESS, PIN_WINDOW, signs, thunderbird};
use crescendo_tests::{Desktop, Lab, MailServer, certificate};

#[test]
#[ignore = "slow lane: needs Thunderbird, Xvfb"]
fn a_mail_is_signed() {
    let lab = Lab::start(&["--retired", "2"]);
    signs(&lab, "thunderbird-sign");
    assert_eq!(lab.tries(), 6);
}

#[test]
#[ignore = "slow lane: needs Thunderbird, Xvfb"]
fn a_mail_encrypted_to_a_retired_p_256_key_can_be_read() {
    let lab = Lab::start(&["--retired", "2"]);
    let (desktop, mail) = (Desktop::start(&lab, "thunderbird-read"), MailServer::start(&lab));
    let text = lab.file("text", "Content-Type: text/plain\r\n\r\nOnly for the holder of retired key 2.\r\n");
    let encrypted = lab.path("encrypted.eml");
    let encrypt = lab.program("openssl").args(&["cms", "-encrypt", "-aes-256-cbc", "-to", ADDRESS, "-in"]);
    let encrypt = encrypt.arg(text).args(&["-from", "you@crescendo.example", "-subject", "Secret", "-out"]);
    let _ = encrypt.arg(&encrypted).arg(certificate(&lab, "retired-02")).succeed();
    let thunderbird = thunderbird(&lab, &desktop, &mail).arg(encrypted);
    let _thunderbird = thunderbird.serve(lab.path("thunderbird.log"), "");
    desktop.give_pin(&lab, PIN_WINDOW);
    desktop.wait_for_text(&lab, "^Secret", "Only for the holder of retired key 2.");
    let _ = desktop.picture(&lab, "mail");
    assert_eq!(lab.tries(), 6);
}
