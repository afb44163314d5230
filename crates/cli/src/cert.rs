//! `crescendo cert`: certificates, listed and exported; `cert/`: made, brought and deleted.

mod arguments;
mod bring;
mod make;

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    path::Path,
    time::SystemTime,
};

use device::{Bare, Certificate, Devices, Entry, Mark, purpose};
use serde::Serialize;

pub(crate) use self::arguments::{Delete, Import, Request, SelfSign};
use crate::{
    arguments::{Cert, Export, Format, Which},
    failure::Failure,
    output::{Output, Owner, hex, plain, table},
    secret,
};

#[derive(Serialize)]
struct Shown {
    device: Owner,
    certificates: Vec<Item>,
    /// Keys without certificates.
    bare: Vec<BareItem>,
}

#[derive(Serialize)]
struct BareItem {
    key: String,
    purpose: String,
    algorithm: Option<String>,
    generated: Option<bool>,
}

#[derive(Serialize)]
struct Item {
    key: String,
    purpose: String,
    #[serde(flatten)]
    certificate: Option<Content>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct Content {
    subject: String,
    issuer: String,
    serial: String,
    not_before: String,
    not_after: String,
    mark: Option<&'static str>,
    algorithm: String,
    sha256: String,
}

#[derive(Serialize)]
struct Exported {
    device: Owner,
    certificate: File,
}

#[derive(Serialize)]
struct File {
    key: String,
    format: &'static str,
    /// The certificate itself, where it was not written to a file.
    pem: Option<String>,
    file: Option<String>,
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Cert) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        Cert::List(which) => list(output, devices, &which),
        Cert::Export(export) => self::export(output, devices, &export),
        Cert::Request(request) => make::request(output, devices, &request),
        Cert::SelfSign(asked) => make::self_sign(output, devices, &asked),
        Cert::Import(import) => bring::import(output, devices, &import),
        Cert::Delete(delete) => bring::delete(output, devices, &delete),
    }
}

fn list(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let mut device = devices.select(which.device.as_deref())?;
    let certificates = device.certificates(SystemTime::now())?.into_iter().map(item).collect();
    let bare = device.bare_keys()?.into_iter().map(bare_item).collect();
    let shown = Shown { device: Owner::of(&device), certificates, bare };
    output.show(&shown, || text(&shown))
}

fn bare_item(bare: Bare) -> BareItem {
    BareItem {
        key: bare.key.to_string(),
        purpose: purpose(bare.key),
        algorithm: bare.algorithm.map(|algorithm| algorithm.to_string()),
        generated: bare.generated,
    }
}

fn item(entry: Entry) -> Item {
    let (certificate, problem) = match entry.certificate {
        Ok(certificate) => (Some(content(certificate)), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Item { key: entry.key.to_string(), purpose: purpose(entry.key), certificate, problem }
}

fn content(certificate: Certificate) -> Content {
    Content {
        subject: certificate.subject,
        issuer: certificate.issuer,
        serial: certificate.serial,
        not_before: certificate.validity.not_before.to_string(),
        not_after: certificate.validity.not_after.to_string(),
        mark: certificate.mark.map(|mark| match mark {
            Mark::NotYetValid => "not-yet-valid",
            Mark::ExpiresWithinMonth => "expires-within-a-month",
            Mark::Expired => "expired",
        }),
        algorithm: certificate.algorithm.to_string(),
        sha256: hex(&certificate.fingerprint, ""),
    }
}

fn text(shown: &Shown) -> String {
    let id = shown.device.id.as_ref().map(|id| format!(", ID {}", plain(id))).unwrap_or_default();
    let head = format!("{}{id}, in {}\n", plain(&shown.device.name), plain(&shown.device.reader));
    let head = if shown.certificates.is_empty() { head + "No key has a certificate.\n" } else { head };
    let text = shown.certificates.iter().fold(head, |text, item| text + "\n" + &block(item));
    shown.bare.iter().fold(text, |text, item| text + "\n" + &bare_block(item))
}

/// A key without a certificate is no use to programs, so it says how to go on.
fn bare_block(item: &BareItem) -> String {
    let BareItem { key, purpose, algorithm, .. } = item;
    let kind = algorithm.as_ref().map(|algorithm| format!(" ({algorithm})")).unwrap_or_default();
    format!(
        "{key}  {purpose}\n  ! a key without a certificate{kind}: crescendo cert request --existing --key {key}, or \
         self-sign\n"
    )
}

fn block(item: &Item) -> String {
    let head = format!("{}  {}", item.key, item.purpose);
    let Some(certificate) = &item.certificate else {
        return format!("{head}\n  ! {}\n", item.problem.as_ref().map(plain).unwrap_or_default());
    };
    let row = |name: &str, value: String| vec![format!("  {name}"), value];
    let subject =
        if certificate.subject.is_empty() { "none".to_owned() } else { plain(&certificate.subject) };
    let rows = [
        row("Subject", subject),
        row("Issuer", plain(&certificate.issuer)),
        row("Serial", plain(&certificate.serial)),
        row("Valid", valid(certificate)),
        row("Key", certificate.algorithm.clone()),
        row("SHA-256", certificate.sha256.clone()),
    ];
    format!("{head}\n{}", table(&rows))
}

fn valid(certificate: &Content) -> String {
    let day = |time: &str| time.split('T').next().unwrap_or_default().to_owned();
    let mark = match certificate.mark {
        Some("expired") => "  ✗ expired",
        Some("expires-within-a-month") => "  ! expires within a month",
        Some(_) => "  ! not valid yet",
        None => "",
    };
    format!("{} to {}{mark}", day(&certificate.not_before), day(&certificate.not_after))
}

fn export(output: &Output, devices: &Devices, export: &Export) -> Result<(), Failure> {
    // Text inside JSON is PEM, as JSON holds no bytes.
    let inside = output.json && export.output.is_none();
    let format = if inside { Format::Pem } else { export.format };
    demand_place(format, export.output.as_deref(), export.force)?;
    let mut device = devices.select(export.which.device.as_deref())?;
    let bytes = device.export(export.key, form(format))?;
    match &export.output {
        Some(path) => write(path, &bytes, export.force)?,
        None if !output.json => return output.bytes(&bytes),
        None => {}
    }
    let certificate = File {
        key: export.key.to_string(),
        format: if format == Format::Pem { "pem" } else { "der" },
        pem: inside.then(|| String::from_utf8_lossy(&bytes).into_owned()),
        file: export.output.as_ref().map(|path| path.display().to_string()),
    };
    let exported = Exported { device: Owner::of(&device), certificate };
    output.show(&exported, || saved(&exported.certificate))
}

/// Before anything is done that cannot be written anywhere.
fn demand_place(format: Format, file: Option<&Path>, force: bool) -> Result<(), Failure> {
    match file {
        Some(path) if !force && path.exists() => Err(Failure::Exists(path.to_owned())),
        None if format == Format::Der && io::stdout().is_terminal() => Err(Failure::Terminal),
        _ => Ok(()),
    }
}

fn form(format: Format) -> device::Format {
    match format {
        Format::Pem => device::Format::Pem,
        Format::Der => device::Format::Der,
    }
}

fn saved(file: &File) -> String {
    format!(
        "Certificate of key {} written to {}\n",
        file.key,
        file.file.as_deref().map(plain).unwrap_or_default()
    )
}

pub(crate) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(!force).create(force).truncate(force);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Exists(path.to_owned()),
        _ => Failure::File(path.to_owned(), error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;

    fn entry(mark: Option<&'static str>) -> Item {
        let certificate = Some(Content {
            subject: "CN=A,O=B".to_owned(),
            issuer: "CN=CA".to_owned(),
            serial: "0F:A2".to_owned(),
            not_before: "2024-01-01T00:00:00Z".to_owned(),
            not_after: "2026-12-01T12:00:00Z".to_owned(),
            mark,
            algorithm: "P-256".to_owned(),
            sha256: "AB".to_owned(),
        });
        Item { key: "9A".to_owned(), purpose: "PIV authentication".to_owned(), certificate, problem: None }
    }

    #[test]
    fn a_certificate_in_words() {
        let expected = "9A  PIV authentication
  Subject  CN=A,O=B
  Issuer   CN=CA
  Serial   0F:A2
  Valid    2024-01-01 to 2026-12-01  ! expires within a month
  Key      P-256
  SHA-256  AB
";
        assert_eq!(block(&entry(Some("expires-within-a-month"))), expected);
        assert!(block(&entry(Some("expired"))).contains("2026-12-01  ✗ expired\n"));
        assert!(block(&entry(None)).contains("to 2026-12-01\n"));
    }

    #[test]
    fn one_that_cannot_be_read_says_why() {
        let problem = Some("the card's certificate cannot be read".to_owned());
        let item = Item { certificate: None, problem, ..entry(None) };
        assert_eq!(block(&item), "9A  PIV authentication\n  ! the card's certificate cannot be read\n");
        let object: serde_json::Value = serde_json::from_str(&json(&item).unwrap()).unwrap();
        assert_eq!(object["problem"], "the card's certificate cannot be read");
        assert!(object.get("subject").is_none());
    }

    #[test]
    fn a_key_without_a_certificate_says_how_to_go_on() {
        let (key, purpose) = ("9C".to_owned(), "digital signature".to_owned());
        let item = BareItem { key, purpose, algorithm: Some("P-384".to_owned()), generated: Some(true) };
        let text = bare_block(&item);
        assert!(
            text.starts_with("9C  digital signature\n  ! a key without a certificate (P-384): "),
            "{text}"
        );
        assert!(text.contains("cert request --existing --key 9C"));
    }

    #[test]
    fn a_file_is_replaced_only_by_force() {
        let path = std::env::temp_dir().join(format!("crescendo-cli-{}.pem", std::process::id()));
        write(&path, b"first", false).unwrap();
        assert!(matches!(write(&path, b"other", false), Err(Failure::Exists(_))));
        write(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        std::fs::remove_file(&path).unwrap();
    }
}
