//! Web pages that are shown to holders of a card only.

use crate::judge::ca;
use crate::lab::Lab;
use crate::program::Server;
use crate::server::{free_port, server_certificate};

/// A web server that speaks TLS 1.3 and wants a certificate of the CA from every browser. Every page of it has a
/// title that says its path and the common name of whom it was shown to.
#[derive(Debug)]
pub struct Pages {
    server: Server,
    port: String,
}

impl Pages {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let ((key, certificate), port) = (server_certificate(lab), free_port());
        let listen = format!(
            "openssl-listen:{port},bind=127.0.0.1,fork,key={},cert={},cafile={},verify=1,openssl-min-proto-version=TLS1.3",
            key.display(),
            certificate.display(),
            ca().display()
        );
        let page = concat!("exec:", env!("CARGO_MANIFEST_DIR"), "/strangers/page.sh");
        let server = lab.server("socat").args(&["-d", "-d", &listen, page]);
        Self { server: server.serve(lab.path(&format!("pages-{port}.log")), "listening on"), port }
    }

    /// Where a page is.
    #[must_use]
    pub fn url(&self, page: &str) -> String {
        format!("https://127.0.0.1:{}/{page}", self.port)
    }

    /// Waits until a page was refused to a browser that had no certificate.
    #[track_caller]
    pub fn wait_for_refusal(&self) {
        self.server.wait_for("peer did not return a certificate");
    }

    /// Whether a page was shown to somebody of this name.
    #[must_use]
    pub fn shown(&self, page: &str, name: &str) -> bool {
        self.server
            .log()
            .lines()
            .any(|line| line.starts_with(&format!("page /{page} ")) && line.ends_with(name))
    }
}
