//! `crescendo firmware`: images checked and signed, keys updated.

mod arguments;
mod files;
mod info;
mod progress;
pub(crate) mod told;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::thread;

use device::{
    Devices,
    firmware::{
        Allow, Description, Error, Flow, KeyHash, Keys, PrivateKey, SignedImage, Step, Trust, UpdateIds,
        Updated, sign, trust, update_ids,
    },
};
use serde::Serialize;

pub(crate) use arguments::Firmware;

use crate::{
    arguments::Command,
    cert,
    failure::Failure,
    firmware::{
        arguments::{Sign, Update, Verify},
        files::ListedKeys,
        progress::Progress,
    },
    output::{Output, plain, table},
};

/// Whether a command writes more than one object.
pub(crate) fn writes_lines(command: &Command) -> bool {
    matches!(command, Command::Firmware(Firmware::Update(_)))
}

pub(crate) fn run(output: &Output, devices: &Devices, command: Firmware) -> Result<(), Failure> {
    match command {
        Firmware::Info(which) => info::show(output, &keys(), devices, which.device.as_deref()),
        Firmware::Verify(verify) => self::verify(output, &verify),
        Firmware::Sign(sign) => self::sign_image(output, &sign),
        Firmware::Update(update) => self::update(output, &keys(), &update),
        Firmware::ListKeys => list_keys(output),
    }
}

/// The keys of this machine, by what is configured on it.
fn keys() -> Keys {
    let (ids, unreadable) = update_ids(&*host::system());
    if let Some(error) = unreadable {
        tracing::warn!(%error, "the USB ids of update mode that are configured cannot be read");
    }
    for line in &ids.bad_lines {
        tracing::warn!("line {line} of the USB ids of update mode is not understood");
    }
    keys_known_by(ids)
}

pub(crate) fn keys_known_by(ids: UpdateIds) -> Keys {
    Keys::new(host::hid_devices(), host::store(), host::clock(), Box::new(thread::sleep)).known_by(ids)
}

#[derive(Serialize)]
struct Shown {
    image: Item,
}

#[derive(Serialize)]
struct Item {
    file: String,
    model: String,
    version: String,
    counter: u32,
    bootloader: Option<String>,
    hardware: Option<Vec<u8>>,
    size: usize,
    signers: Vec<String>,
}

fn verify(output: &Output, verify: &Verify) -> Result<(), Failure> {
    let trust = match &verify.key[..] {
        [] => files::trust_list()?.trust()?,
        given => trust_in(given, verify.signatures)?,
    };
    let file = files::pasted(&verify.file);
    let image = SignedImage::check(files::image(&file)?, &trust).map_err(Error::Firmware)?;
    let shown = Shown { image: item(file.display().to_string(), &image) };
    output.show(&shown, || format!("{}: a good image\n{}", plain(&shown.image.file), text(&shown.image)))
}

/// The keys on the command line, and nobody else.
fn trust_in(given: &[std::path::PathBuf], signatures: usize) -> Result<Trust, Failure> {
    let keys = given.iter().map(|path| Ok((path.display().to_string(), files::text(path)?)));
    let keys: Vec<_> = keys.collect::<Result<_, Failure>>()?;
    trust(&keys, &[], signatures).map_err(|(name, error)| Failure::Trust(name.into(), error))
}

fn item(file: String, image: &SignedImage) -> Item {
    Item {
        file,
        model: image.model().to_owned(),
        version: image.version().to_string(),
        counter: image.counter(),
        bootloader: image.bootloader().map(|version| version.to_string()),
        hardware: image.hardware().map(<[u8]>::to_vec),
        size: image.size(),
        signers: image.signers().iter().map(KeyHash::to_string).collect(),
    }
}

fn text(item: &Item) -> String {
    let row = |name: &str, value: String| vec![format!("  {name}"), value];
    let revisions = |list: &Vec<u8>| list.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let mut rows = vec![
        row("Model", plain(&item.model)),
        row("Version", item.version.clone()),
        row("Counter", item.counter.to_string()),
        row(
            "Bootloader",
            item.bootloader.as_ref().map_or("any".to_owned(), |version| format!("{version} or newer")),
        ),
        row("Hardware", item.hardware.as_ref().map_or("every revision".to_owned(), revisions)),
        row("Size", format!("{} bytes", item.size)),
    ];
    rows.extend(item.signers.iter().map(|hash| row("Signed by", hash.clone())));
    table(&rows)
}

fn sign_image(output: &Output, sign_it: &Sign) -> Result<(), Failure> {
    let keys = sign_it.key.iter().map(|path| {
        let text = zeroize::Zeroizing::new(files::text(path)?);
        Ok(PrivateKey::from_pem(&text).map_err(Error::Firmware)?)
    });
    let keys: Vec<_> = keys.collect::<Result<_, Failure>>()?;
    let description = Description {
        model: sign_it.model.clone(),
        version: sign_it.version,
        counter: sign_it.counter,
        bootloader: sign_it.bootloader,
        hardware: sign_it.hardware.clone(),
        header_size: sign_it.header_size,
    };
    let payload = files::image(&files::pasted(&sign_it.payload))?;
    let image = sign(&payload, &description, &keys).map_err(Error::Firmware)?;
    cert::write(&sign_it.image, &image, sign_it.force)?;
    let shown = Shown {
        image: Item {
            file: sign_it.image.display().to_string(),
            model: description.model,
            version: description.version.to_string(),
            counter: description.counter,
            bootloader: Some(description.bootloader.to_string()),
            hardware: Some(description.hardware),
            size: image.len(),
            signers: keys.iter().map(|key| key.hash().to_string()).collect(),
        },
    };
    output.show(&shown, || format!("{}: written\n{}", plain(&shown.image.file), text(&shown.image)))
}

fn list_keys(output: &Output) -> Result<(), Failure> {
    let files = files::trust_list()?;
    let listed = ListedKeys::of(&files)?;
    output.show(&listed, || listed.text())
}

#[derive(Serialize)]
struct Done {
    key: DoneKey,
}

#[derive(Serialize)]
struct DoneKey {
    serial: String,
    model: String,
    before: String,
    version: String,
}

fn update(output: &Output, keys: &Keys, update: &Update) -> Result<(), Failure> {
    let trust = files::trust_list()?.trust()?;
    let file = files::image(&files::pasted(&update.file))?;
    let image = SignedImage::check(file, &trust).map_err(|error| Failure::NotInstalled(error.into()))?;
    let allow = Allow { same: update.reinstall, older: update.allow_older };
    let stop = stop_on_interrupt()?;
    let mut progress = Progress::new(output);
    let result = keys.update(image, update.which.device.as_deref(), allow, &mut |step: Step| {
        let stopping = stop.load(Ordering::Relaxed);
        progress.show(step, stopping);
        if stopping { Flow::Cancel } else { Flow::Continue }
    });
    progress.end();
    let updated = result.map_err(|error| match error {
        Error::Firmware(ref of_image) if of_image.is_of_image() => Failure::NotInstalled(error),
        error => Failure::Firmware(error),
    })?;
    let done = Done { key: done(updated) };
    output.show(&done, || {
        let DoneKey { serial, model, before, version } = &done.key;
        format!("{}, serial {serial}: firmware {version} runs, before it {before}\n", plain(model))
    })
}

fn done(updated: Updated) -> DoneKey {
    DoneKey {
        serial: updated.serial.to_string(),
        model: updated.model,
        before: updated.before.to_string(),
        version: updated.version.to_string(),
    }
}

/// Ctrl-C ends an update where that leaves the key well; the second one does not wait for that.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::{consts::SIGINT, flag};
    let stop = Arc::new(AtomicBool::new(false));
    let interrupted_again = flag::register_conditional_shutdown(SIGINT, 130, stop.clone());
    interrupted_again.and_then(|_| flag::register(SIGINT, stop.clone())).map_err(Failure::Output)?;
    Ok(stop)
}
