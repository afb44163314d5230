//! Lists the HID devices that our host crate sees, a line each: path, vendor and product, usage page and usage, the
//! channel (bus and address) and the serial number.

#![forbid(unsafe_code)]

fn main() {
    for device in host::hid_devices().list().expect("HID devices can be listed") {
        let link::HidDevice { path, vendor, product, usage_page, usage, serial, channel } = device;
        let (serial, channel) = (serial.unwrap_or_default(), channel.unwrap_or_default());
        println!("{path} {vendor:04x}:{product:04x} {usage_page:04x}:{usage:04x} {channel:04x} {serial}");
    }
}
