//! NSS, which is Firefox, Thunderbird and Chromium underneath: its own tools on our module.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::{Done, Files, Lab, OpensslServer, PIN, Program, ca, certificate, fixture};

const TOKEN: &str = "Crescendo Test Holder";
const MAIL: &str = "To: you@crescendo.example\r\n\r\nFor the holder of the card.\r\n";

/// A database that has our module and trusts the CA.
struct Nss {
    lab: Lab,
    // Of a newer NSS than the system's.
    libraries: Option<PathBuf>,
}

impl Nss {
    fn start(options: &[&str]) -> Self {
        let nss = Self { lab: Lab::start(options), libraries: None };
        nss.database("nss");
        let modutil = nss.tool("modutil").args(&["-force", "-add", "ours", "-libfile"]);
        modutil.arg(&Files::get().module).succeed().says("Module \"ours\" added to database.");
        nss
    }

    /// The one that Thunderbird brings along: 3.125 where the system's is 3.87.
    fn of_thunderbird(options: &[&str]) -> Self {
        let mut nss = Self::start(options);
        let files = nss.lab.program("dpkg").args(&["-L", "thunderbird"]).succeed();
        let library = files.out.lines().find(|file| file.ends_with("/libnss3.so"));
        nss.libraries = library.map(|file| Path::new(file).parent().unwrap().to_owned());
        assert!(nss.libraries.is_some(), "{files}");
        nss
    }

    fn database(&self, name: &str) {
        fs::create_dir(self.lab.path(name)).unwrap();
        let made = self.in_database(name, "certutil").args(&["-N", "--empty-password"]);
        let _ = made.succeed();
        let trust = self.in_database(name, "certutil").args(&["-A", "-n", "ca", "-t", "CT,C,C", "-i"]);
        let _ = trust.arg(ca()).succeed();
    }

    fn in_database(&self, database: &str, name: &str) -> Program {
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
    fn tool(&self, name: &str) -> Program {
        self.in_database("nss", name)
    }

    fn pin_file(&self) -> PathBuf {
        self.lab.file("pins", format!("{TOKEN}:{PIN}\n"))
    }

    fn sign(&self, nickname: &str) -> PathBuf {
        let (mail, signed) = (self.lab.file("mail", MAIL), self.lab.path("signed"));
        let sign = self.tool("cmsutil").args(&["-S", "-G", "-H", "SHA256", "-N"]);
        let sign = sign.arg(format!("{TOKEN}:{nickname}")).arg("-f").arg(self.pin_file());
        let _ = sign.arg("-i").arg(mail).arg("-o").arg(&signed).succeed();
        signed
    }

    fn decrypt(&self, encrypted: &Path) -> Done {
        self.tool("cmsutil").arg("-D").arg("-f").arg(self.pin_file()).arg("-i").arg(encrypted).run()
    }

    /// Fetches a page over TLS 1.3 with the certificate of this nickname.
    fn page(&self, server: &OpensslServer, nickname: &str) -> Done {
        let client = self.tool("tstclnt").args(&["-h", "127.0.0.1", "-p", &server.port, "-n"]);
        let client = client.arg(format!("{TOKEN}:{nickname}")).arg("-W").arg(self.pin_file());
        let request = self.lab.file("request", "GET / HTTP/1.0\r\n\r\n");
        client.args(&["-V", "tls1.3:tls1.3", "-A"]).arg(request).run()
    }
}

/// Has openssl check a signed message, for a purpose of the certificate.
fn verifies(lab: &Lab, signed: &Path, purpose: &str) {
    let verify = lab.program("openssl").args(&["cms", "-verify", "-inform", "DER", "-purpose", purpose]);
    let verify = verify.arg("-CAfile").arg(ca()).arg("-in").arg(signed).arg("-out");
    let _ = verify.arg(lab.path("read")).succeed();
    assert_eq!(fs::read_to_string(lab.path("read")).unwrap(), MAIL);
}

/// Has openssl encrypt a mail to a fixture's certificate.
fn encrypted(lab: &Lab, name: &str, options: &[&str]) -> PathBuf {
    let encrypted = lab.path("encrypted");
    let openssl = lab.program("openssl").args(&["cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform"]);
    let openssl = openssl.arg("DER").arg("-in").arg(lab.file("mail", MAIL)).arg("-out").arg(&encrypted);
    let _ = openssl.arg("-recip").arg(certificate(lab, name)).args(options).succeed();
    encrypted
}

/// R2: NSS knows from a profile object that it need not log in to look.
#[test]
fn certificates_are_listed_without_a_pin() {
    let nss = Nss::start(&[]);
    let listed = nss.tool("certutil").args(&["-L", "-h", "all"]).succeed();
    for kind in ["PIV Authentication", "Digital Signature", "Key Management", "Card Authentication"] {
        listed.says(&format!("{TOKEN}:Certificate for {kind}"));
    }
    assert_eq!(listed.out.matches("u,u,u").count(), 4, "{listed}");
    let said = format!("{}{}", listed.out, listed.err).to_lowercase();
    assert!(!said.contains("password") && !said.contains("pin:"), "{listed}");
    assert_eq!((nss.lab.card("verified"), nss.lab.tries()), ("false".into(), 6));
}

#[test]
fn modutil_shows_the_token() {
    let nss = Nss::start(&[]);
    let listed = nss.tool("modutil").args(&["-force", "-list"]).succeed();
    listed.says(&format!("token: {TOKEN}")).says("status: loaded");
}

#[test]
fn private_keys_are_listed_with_the_pin() {
    let nss = Nss::start(&[]);
    let pin = nss.lab.file("pin", PIN);
    let keys = nss.tool("certutil").args(&["-K", "-h", TOKEN, "-f"]).arg(pin).succeed();
    for (kind, id) in [("rsa", "01"), ("ec", "02"), ("rsa", "03"), ("ec", "04")] {
        let line = keys.out.lines().find(|line| line.contains(&format!("      {id}  ")));
        assert!(line.is_some_and(|line| line.contains(kind)), "{id}: {keys}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let nss = Nss::start(&[]);
    let pin = nss.lab.file("pin", "654321");
    let keys = nss.tool("certutil").args(&["-K", "-h", TOKEN, "-f"]).arg(pin).run();
    assert_ne!(keys.status, Some(0), "{keys}");
    assert_eq!(nss.lab.tries(), 5, "{keys}");
}

/// 9A's certificate is for logging in, so the purpose is not looked at.
#[test]
fn a_mail_signed_with_rsa_verifies() {
    let nss = Nss::start(&[]);
    verifies(&nss.lab, &nss.sign("Certificate for PIV Authentication"), "any");
}

#[test]
fn a_mail_signed_with_p_256_and_a_pin_of_its_own_verifies() {
    let nss = Nss::start(&[]);
    verifies(&nss.lab, &nss.sign("Certificate for Digital Signature"), "smimesign");
    assert_eq!(nss.lab.tries(), 6);
}

#[test]
fn an_encrypted_mail_can_be_read() {
    let nss = Nss::start(&[]);
    nss.database("sender");
    let peer = nss.in_database("sender", "certutil").args(&["-A", "-n", "peer", "-t", ",,", "-i"]);
    let _ = peer.arg(fixture("9d.der")).succeed();
    let encrypted = nss.lab.path("encrypted");
    let encrypt = nss.in_database("sender", "cmsutil").args(&["-E", "-r", "test.holder@crescendo.example"]);
    let _ = encrypt.arg("-i").arg(nss.lab.file("mail", MAIL)).arg("-o").arg(&encrypted).succeed();
    let read = nss.decrypt(&encrypted);
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

#[test]
fn a_mail_encrypted_by_openssl_can_be_read() {
    let nss = Nss::start(&[]);
    let read = nss.decrypt(&encrypted(&nss.lab, "9d", &[]));
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

#[test]
fn tls_1_3_with_rsa() {
    let nss = Nss::start(&[]);
    let server = OpensslServer::start(&nss.lab);
    let page = nss.page(&server, "Certificate for PIV Authentication");
    page.says("HTTP/1.0 200 ok").says("Peer signature type: RSA-PSS").says("CN=Crescendo Test Holder");
}

#[test]
fn tls_1_3_with_p_384() {
    let nss = Nss::start(&[]);
    let _ = nss.lab.card("install 9A p-384");
    let server = OpensslServer::start(&nss.lab);
    let page = nss.page(&server, "Certificate for PIV Authentication");
    page.says("HTTP/1.0 200 ok").says("Peer signature type: ECDSA").says("Peer signing digest: SHA384");
}

#[test]
#[ignore = "slow lane: Thunderbird is a large package"]
fn the_newer_nss_lists_signs_and_decrypts() {
    let nss = Nss::of_thunderbird(&[]);
    let listed = nss.tool("certutil").args(&["-L", "-h", "all"]).succeed();
    assert_eq!(listed.out.matches("u,u,u").count(), 4, "{listed}");
    verifies(&nss.lab, &nss.sign("Certificate for PIV Authentication"), "any");
    verifies(&nss.lab, &nss.sign("Certificate for Digital Signature"), "smimesign");
    let read = nss.decrypt(&encrypted(&nss.lab, "9d", &[]));
    assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{read}");
}

/// R5, R6: NSS leaves the key derivation to the token, the unwrapping too, and asks for the key that comes out.
#[test]
#[ignore = "slow lane: Thunderbird is a large package"]
fn the_newer_nss_reads_a_mail_to_an_elliptic_curve_key() {
    let nss = Nss::of_thunderbird(&["--retired", "2"]);
    for digest in ["sha1", "sha256", "sha384"] {
        let kdf = format!("ecdh_kdf_md:{digest}");
        let read = nss.decrypt(&encrypted(&nss.lab, "retired-02", &["-keyopt", &kdf]));
        assert_eq!((read.status, &read.out[..]), (Some(0), MAIL), "{digest}: {read}");
    }
}
