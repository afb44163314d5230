//! NSS, which is Firefox, Thunderbird and Chromium underneath: its own tools.

use std::fs;
use std::path::{Path, PathBuf};

use super::TOKEN;
use crate::judge::{ca, certificate};
use crate::{Done, Files, Lab, OpensslServer, PIN, Program};

/// What is sent.
pub const MAIL: &str = "To: you@crescendo.example\r\n\r\nFor the holder of the card.\r\n";

/// It lists, signs two mails, the second with a key that asks for a PIN of its own, reads one, and fetches a page.
///
/// # Panics
/// When anything is not as it should be.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "certificates are found before the PIN is asked for");
    let nss = Nss::start(lab);
    nss.lists_certificates();
    verifies(lab, &nss.sign("Certificate for PIV Authentication"), "any");
    verifies(lab, &nss.sign("Certificate for Digital Signature"), "smimesign");
    let read = nss.decrypt(&encrypted(lab, "9d", &[]));
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
    let server = OpensslServer::start(lab);
    let page = nss.page(&server, "Certificate for PIV Authentication");
    page.says("HTTP/1.0 200 ok").says("Peer signature type: RSA-PSS").says("CN=Crescendo Test Holder");
}

/// A database that has our module and trusts the CA.
#[derive(Debug)]
pub struct Nss<'l> {
    lab: &'l Lab,
    // Of a newer NSS than the system's.
    libraries: Option<PathBuf>,
}

impl<'l> Nss<'l> {
    /// One of the system's NSS.
    ///
    /// # Panics
    /// When NSS's own tools cannot make it.
    #[must_use]
    pub fn start(lab: &'l Lab) -> Self {
        let nss = Self { lab, libraries: None };
        nss.database("nss");
        let modutil = nss.tool("modutil").args(&["-force", "-add", "ours", "-libfile"]);
        modutil.arg(&Files::get().module).succeed().says("Module \"ours\" added to database.");
        nss
    }

    /// The one that Thunderbird brings along: 3.125 where the system's is 3.87.
    ///
    /// # Panics
    /// When Thunderbird is not installed.
    #[must_use]
    pub fn of_thunderbird(lab: &'l Lab) -> Self {
        let mut nss = Self::start(lab);
        let files = nss.lab.program("dpkg").args(&["-L", "thunderbird"]).succeed();
        let library = files.out.lines().find(|file| file.ends_with("/libnss3.so"));
        nss.libraries =
            library.map(|file| Path::new(file).parent().expect("a library is in a folder").to_owned());
        assert!(nss.libraries.is_some(), "{files}");
        nss
    }

    /// Another database, in which nothing but the CA is.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self, name: &str) {
        fs::create_dir(self.lab.path(name)).expect("the lab's folder takes files");
        let made = self.in_database(name, "certutil").args(&["-N", "--empty-password"]);
        let _ = made.succeed();
        let trust = self.in_database(name, "certutil").args(&["-A", "-n", "ca", "-t", "CT,C,C", "-i"]);
        let _ = trust.arg(ca()).succeed();
    }

    /// A tool of NSS on a database.
    #[must_use]
    pub fn in_database(&self, database: &str, name: &str) -> Program {
        let program = self.lab.program_inside(name);
        let folder = format!("sql:{}", self.lab.path(database).display());
        let flag = if name == "modutil" { "-dbdir" } else { "-d" };
        let program = match &self.libraries {
            Some(folder) => program.env("LD_LIBRARY_PATH", folder),
            None => program,
        };
        program.args(&[flag, &folder])
    }

    /// One that never gets a PIN, and that has no terminal to ask for it.
    #[must_use]
    pub fn tool(&self, name: &str) -> Program {
        self.in_database("nss", name)
    }

    fn pin_file(&self) -> PathBuf {
        self.lab.file("pins", format!("{TOKEN}:{PIN}\n"))
    }

    /// Four certificates, for which nobody is asked for a PIN.
    ///
    /// # Panics
    /// When there are others, or somebody is.
    pub fn lists_certificates(&self) {
        let listed = self.tool("certutil").args(&["-L", "-h", "all"]).succeed();
        for kind in ["PIV Authentication", "Digital Signature", "Key Management", "Card Authentication"] {
            listed.says(&format!("{TOKEN}:Certificate for {kind}"));
        }
        assert_eq!(listed.out.matches("u,u,u").count(), 4, "{listed}");
        let said = format!("{}{}", listed.out, listed.err).to_lowercase();
        assert!(!said.contains("password") && !said.contains("pin:"), "{listed}");
    }

    /// Signs a mail with the key of a certificate.
    ///
    /// # Panics
    /// When cmsutil fails.
    #[must_use]
    pub fn sign(&self, nickname: &str) -> PathBuf {
        let (mail, signed) = (self.lab.file("mail", MAIL), self.lab.path("signed"));
        let sign = self.tool("cmsutil").args(&["-S", "-G", "-H", "SHA256", "-N"]);
        let sign = sign.arg(format!("{TOKEN}:{nickname}")).arg("-f").arg(self.pin_file());
        let _ = sign.arg("-i").arg(mail).arg("-o").arg(&signed).succeed();
        signed
    }

    /// Reads a mail that was encrypted.
    #[must_use]
    pub fn decrypt(&self, encrypted: &Path) -> Done {
        self.tool("cmsutil").arg("-D").arg("-f").arg(self.pin_file()).arg("-i").arg(encrypted).run()
    }

    /// Fetches a page over TLS 1.3 with the certificate of this nickname.
    #[must_use]
    pub fn page(&self, server: &OpensslServer, nickname: &str) -> Done {
        let client = self.tool("tstclnt").args(&["-h", "127.0.0.1", "-p", &server.port, "-n"]);
        let client = client.arg(format!("{TOKEN}:{nickname}")).arg("-W").arg(self.pin_file());
        let request = self.lab.file("request", "GET / HTTP/1.0\r\n\r\n");
        client.args(&["-V", "tls1.3:tls1.3", "-A"]).arg(request).run()
    }
}

/// Has openssl check a signed message, for a purpose of the certificate.
///
/// # Panics
/// When it does not verify.
pub fn verifies(lab: &Lab, signed: &Path, purpose: &str) {
    let verify = lab.program("openssl").args(&["cms", "-verify", "-inform", "DER", "-purpose", purpose]);
    let verify = verify.arg("-CAfile").arg(ca()).arg("-in").arg(signed).arg("-out");
    let _ = verify.arg(lab.path("read")).succeed();
    assert_eq!(fs::read_to_string(lab.path("read")).expect("openssl wrote it"), MAIL);
}

/// Has openssl encrypt a mail to a fixture's certificate.
///
/// # Panics
/// When that fails.
#[must_use]
pub fn encrypted(lab: &Lab, name: &str, options: &[&str]) -> PathBuf {
    let encrypted = lab.path("encrypted");
    let openssl = lab.program("openssl").args(&["cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform"]);
    let openssl = openssl.arg("DER").arg("-in").arg(lab.file("mail", MAIL)).arg("-out").arg(&encrypted);
    let _ = openssl.arg("-recip").arg(certificate(lab, name)).args(options).succeed();
    encrypted
}
