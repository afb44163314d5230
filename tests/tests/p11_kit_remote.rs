//! Our module in `p11-kit server`, and programs that reach it through its socket: from a sandbox, or from another machine.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use crescendo_tests::{Done, Files, Lab, PIN, Program, Scheme, Server, accepts, certificate};

struct Remote {
    // Ends before its card does.
    _process: Server,
    client: PathBuf,
    lab: Lab,
}

impl Remote {
    fn start() -> Self {
        let lab = Lab::start(&[]);
        let socket = lab.path("socket");
        let server = lab.server("p11-kit").args(&["server", "--foreground", "--sh", "--name"]).arg(&socket);
        let server = server.arg("--provider").arg(&Files::get().module);
        let server = server.arg("pkcs11:token=Crescendo%20Test%20Holder");
        let process = server.serve(lab.path("server.log"), "P11_KIT_SERVER_ADDRESS=");
        let files = lab.program("dpkg").args(&["-L", "p11-kit-modules"]).succeed();
        let client = files.out.lines().find(|file| file.ends_with("/p11-kit-client.so")).map(PathBuf::from);
        Self { _process: process, client: client.expect("the package has it"), lab }
    }

    /// pkcs11-tool, which knows of nothing but the socket.
    fn tool(&self, pin: &str) -> Program {
        let address = format!("unix:path={}", self.lab.path("socket").display());
        let tool = self.lab.program("pkcs11-tool").env("P11_KIT_SERVER_ADDRESS", address);
        let tool = tool.env("PCSCLITE_CSOCK_NAME", "/nonexistent").arg("--module").arg(&self.client);
        tool.args(&["--login", "--pin", pin])
    }

    fn sign(&self, options: &[&str], input: PathBuf) -> Vec<u8> {
        let signature = self.lab.path("signature");
        let tool = self.tool(PIN).arg("-s").args(options).arg("-i").arg(input);
        let _ = tool.arg("-o").arg(&signature).succeed();
        fs::read(signature).unwrap()
    }

    fn holds(&self, name: &str, scheme: Scheme, signature: &[u8]) {
        assert!(accepts(&self.lab, name, scheme, &self.data(), signature), "{name}, {scheme:?}");
    }

    fn decrypt(&self, options: &[&str], padding: &[&str]) -> Done {
        let encrypted = self.lab.path("encrypted");
        let encrypt = self.lab.program("openssl").args(&["pkeyutl", "-encrypt", "-certin", "-inkey"]);
        let encrypt = encrypt.arg(certificate(&self.lab, "9d")).arg("-in").arg(self.data()).args(padding);
        let _ = encrypt.arg("-out").arg(&encrypted).succeed();
        self.tool(PIN).arg("--decrypt").args(options).args(&["--id", "03", "-i"]).arg(encrypted).succeed()
    }

    fn data(&self) -> PathBuf {
        self.lab.file("data", "what is to be signed")
    }

    fn hash(&self) -> PathBuf {
        let hash = self.lab.program("openssl").args(&["dgst", "-sha256", "-binary"]).arg(self.data());
        self.lab.file("hash", hash.succeed().bytes)
    }
}

#[test]
fn every_object_is_there() {
    let remote = Remote::start();
    let objects = remote.tool(PIN).arg("-O").succeed();
    assert_eq!(objects.count("Certificate Object; type = X.509 cert"), 4, "{objects}");
    assert_eq!(objects.count("Public Key Object"), 4, "{objects}");
    assert_eq!(objects.count("Private Key Object"), 4, "{objects}");
}

/// p11-kit 0.24 passes on few mechanisms that hash and pad at once; with the others the client hashes.
#[test]
fn signatures_hold() {
    let remote = Remote::start();
    let signature = remote.sign(&["-m", "SHA256-RSA-PKCS", "--id", "01"], remote.data());
    remote.holds("9a", Scheme::Pkcs1, &signature);
    let pss = ["-m", "RSA-PKCS-PSS", "--hash-algorithm", "SHA256", "--id", "01"];
    remote.holds("9a", Scheme::Pss, &remote.sign(&pss, remote.hash()));
    let signature = remote.sign(&["-m", "ECDSA", "--id", "04"], remote.hash());
    remote.holds("9e", Scheme::EcdsaRaw, &signature);
}

#[test]
fn a_signature_with_a_pin_of_its_own_holds() {
    let remote = Remote::start();
    let signature = remote.sign(&["-m", "ECDSA", "--id", "02"], remote.hash());
    remote.holds("9c", Scheme::EcdsaRaw, &signature);
    assert_eq!(remote.lab.tries(), 6);
}

#[test]
fn what_was_encrypted_can_be_read() {
    let remote = Remote::start();
    remote.decrypt(&["-m", "RSA-PKCS"], &[]).says("what is to be signed");
    let oaep = ["-m", "RSA-PKCS-OAEP", "--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"];
    let padding = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"];
    remote.decrypt(&oaep, &padding).says("what is to be signed");
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let remote = Remote::start();
    let login = remote.tool("654321").arg("-O").run();
    assert_ne!(login.status, Some(0), "{login}");
    assert!(login.err.contains("CKR_PIN_INCORRECT"), "{login}");
    assert_eq!(remote.lab.tries(), 5);
}
