//! What an update costs: reports and memory; and its time, for the bench.

#![forbid(unsafe_code)]

mod lab;

use std::fs;
use std::time::Instant;

use firmware::SignedImage;
use lab::{Lab, NEW, image, trust};
use sim::key::{Draft, Profile};

/// Of so many payload bytes a slot of 512 KiB is nearly full.
const PAYLOAD: usize = 500_000;

fn large() -> Vec<u8> {
    Draft::new(NEW).payload(PAYLOAD).build()
}

/// Part 4 of the protocol: what the bytes of the file alone would take, over what went over the wire.
fn efficiency(profile: Profile, file: &[u8]) -> f64 {
    let lab = Lab::with(profile);
    lab.update(file).unwrap();
    lab.is_updated("");
    file.len().div_ceil(59) as f64 / lab.key.counts().update as f64
}

#[test]
fn of_the_reports_of_an_update_ninety_two_in_a_hundred_carry_the_file() {
    let efficiency = efficiency(Profile::reference(1), &large());
    println!("efficiency {efficiency:.4}");
    assert!(efficiency >= 0.92, "{efficiency}");
}

#[test]
fn a_key_that_takes_small_blocks_is_served_too() {
    let efficiency = efficiency(Profile { block: 256, ..Profile::reference(1) }, &large());
    println!("efficiency {efficiency:.4}");
    assert!(efficiency >= 0.6, "{efficiency}");
}

/// The highest ever, of the virtual key and its two slots too, which are in the same process.
#[test]
fn an_update_takes_less_than_ten_megabytes_beside_the_image() {
    let lab = Lab::new();
    let file = large();
    // Whatever is made once, the code itself among it, is not of the update.
    lab.update(&image(5000)).unwrap();
    let lab = Lab::new();
    let before = resident_at_most();
    lab.update(&file).unwrap();
    let taken = resident_at_most() - before;
    println!("{taken} kB");
    assert!(taken < 10_000, "{taken} kB");
}

/// In kB. A process of its own runs this test, where tests have one each; else what others take counts as well.
fn resident_at_most() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// For the bench, which has the bar: times are no tests.
#[test]
#[ignore = "a time, for the bench"]
fn what_the_verification_of_an_image_takes() {
    let (file, trust) = (large(), trust());
    let fastest = (0..20).map(|_| {
        let file = file.clone();
        let start = Instant::now();
        SignedImage::check(file, &trust).unwrap();
        start.elapsed()
    });
    println!("verification_us {}", fastest.min().unwrap().as_micros());
}
