//! curl with our module, through OpenSSL's engine: a page that wants a certificate.

use super::TOKEN_URI;
use crate::judge::ca;
use crate::{Done, Lab, OpensslServer, PIN};

/// It fetches a page with RSA.
///
/// # Panics
/// When it does not get one.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is read before the PIN is asked for");
    let page = fetch(lab, &OpensslServer::start(lab), "01", pin);
    assert_eq!(page.status, Some(0), "{page}");
    page.says("Peer signature type: RSA-PSS").says("CN=Crescendo Test Holder");
}

/// Fetches a page of a server with the key and the certificate of a CKA_ID.
#[must_use]
pub fn fetch(lab: &Lab, server: &OpensslServer, id: &str, pin: &str) -> Done {
    let object = |kind: &str| format!("{TOKEN_URI};id=%{id};type={kind}");
    let key = format!("{};pin-value={pin}", object("private"));
    let curl = lab.program_inside("curl").args(&["--silent", "--show-error", "--engine", "pkcs11"]);
    let curl = curl.args(&["--key-type", "ENG", "--key", &key]);
    let curl = curl.args(&["--cert-type", "ENG", "--cert", &object("cert"), "--cacert"]).arg(ca());
    curl.arg(format!("https://127.0.0.1:{}/", server.port)).run()
}
