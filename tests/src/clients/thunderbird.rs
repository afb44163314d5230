//! Thunderbird with our module: a mail is signed. The card has two retired keys.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::judge::ca;
use crate::{Desktop, Lab, MailServer, PIN, Program, mozilla_profile, thunderbird_name};

/// A mail is signed.
///
/// # Panics
/// When it does not come, or does not verify.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is found before the PIN is asked for");
    signs(lab, "interfaces-thunderbird");
}

/// What the window is called that asks for the PIN.
pub const PIN_WINDOW: &str = "Password Required";
const MAIN_WINDOW: &str = "Local Folders";
/// Whose mail it is.
pub const ADDRESS: &str = "test.holder@crescendo.example";

/// One account, which has folders and sends its mail to our server, signed.
fn account(lab: &Lab, mail: &MailServer) -> Vec<(&'static str, String)> {
    let word = |word: &str| format!("\"{word}\"");
    vec![
        ("mail.accountmanager.accounts", word("account1")),
        ("mail.accountmanager.defaultaccount", word("account1")),
        ("mail.accountmanager.localfoldersserver", word("server1")),
        ("mail.account.account1.server", word("server1")),
        ("mail.account.account1.identities", word("id1")),
        ("mail.server.server1.type", word("none")),
        ("mail.server.server1.hostname", word("Local Folders")),
        ("mail.server.server1.name", word("Local Folders")),
        ("mail.server.server1.userName", word("nobody")),
        ("mail.identity.id1.useremail", word(ADDRESS)),
        ("mail.identity.id1.valid", "true".into()),
        ("mail.identity.id1.smtpServer", word("smtp1")),
        ("mail.identity.id1.compose_html", "false".into()),
        ("mail.identity.id1.sign_mail", "true".into()),
        ("mail.identity.id1.signing_cert_name", word("9C")),
        ("mail.identity.id1.signing_cert_dbkey", word(&thunderbird_name(lab, "9c"))),
        ("mail.identity.id1.encryption_cert_name", word("retired key 2")),
        ("mail.identity.id1.encryption_cert_dbkey", word(&thunderbird_name(lab, "retired-02"))),
        ("mail.smtpservers", word("smtp1")),
        ("mail.smtp.defaultserver", word("smtp1")),
        ("mail.smtpserver.smtp1.hostname", word("127.0.0.1")),
        ("mail.smtpserver.smtp1.port", mail.port.clone()),
        ("mail.smtpserver.smtp1.authMethod", "1".into()),
        ("mail.smtpserver.smtp1.try_ssl", "0".into()),
        ("mail.warn_on_send_accel_key", "false".into()),
        ("mail.shell.checkDefaultClient", "false".into()),
        ("mail.provider.enabled", "false".into()),
        ("mail.rights.version", "1".into()),
        ("mailnews.start_page.enabled", "false".into()),
    ]
}

/// Thunderbird, with the account.
#[must_use]
pub fn thunderbird(lab: &Lab, desktop: &Desktop, mail: &MailServer) -> Program {
    let account = account(lab, mail);
    let account: Vec<_> = account.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let profile = mozilla_profile(lab, "thunderbird", &account);
    desktop.program(lab, "thunderbird").args(&["--no-remote", "--profile"]).arg(profile)
}

/// Writes a mail with the keyboard, up to the key that sends it.
fn write(lab: &Lab, desktop: &Desktop) {
    desktop.wait_for(lab, MAIN_WINDOW);
    desktop.press_until(lab, MAIN_WINDOW, "ctrl+n", "^Write");
    sleep(Duration::from_secs(2));
    // The first Tab takes the address, the second leaves its field.
    for (text, tabs) in [("you@crescendo.example", 2), ("Signed with the card", 1), ("Hello.", 0)] {
        desktop.type_text(lab, "^Write", text);
        for _ in 0..tabs {
            desktop.press(lab, "^Write", "Tab");
            sleep(Duration::from_millis(300));
        }
    }
    desktop.wait_for(lab, "^Write: Signed with the card");
    let _ = desktop.picture(lab, "written");
    desktop.press(lab, "^Write", "ctrl+Return");
}

/// A mail is signed. 9C wants its PIN for every signature, so there are two windows: for the login, and for the signature.
///
/// # Panics
/// When it does not come, or does not verify.
pub fn signs(lab: &Lab, picture: &'static str) {
    let (desktop, mail) = (Desktop::start(lab, picture), MailServer::start(lab));
    let _thunderbird = thunderbird(lab, &desktop, &mail).serve(lab.path("thunderbird.log"), "");
    write(lab, &desktop);
    desktop.give_pin(lab, PIN_WINDOW);
    desktop.give_pin(lab, PIN_WINDOW);
    let received = mail.receive();
    let _ = desktop.picture(lab, "sent");
    let verify = lab.program("openssl").args(&["cms", "-verify", "-purpose", "smimesign", "-in"]);
    let verify = verify.arg(&received).arg("-CAfile").arg(ca()).arg("-signer").arg(lab.path("signer"));
    let _ = verify.succeed();
    let signer = lab.program("openssl").args(&["x509", "-noout", "-serial", "-in"]).arg(lab.path("signer"));
    let _ = signer.succeed().says("5A0190000000000000000000000000C1");
    let received = fs::read_to_string(received).expect("it is there");
    assert!(received.contains("To: you@crescendo.example"), "{received}");
}
