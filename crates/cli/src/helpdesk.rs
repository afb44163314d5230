//! `crescendo helpdesk`: the other side of unblocking by challenge and response. It works without any device; who calls, and
//! whether the device is theirs, is for people to find out.

use device::{
    XauthKey,
    helpdesk::{self, MasterKey},
};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::Output,
    pin::arguments::{HelpDesk, Response},
    secret,
};

#[derive(Serialize)]
struct Made<'a> {
    device_id: &'a str,
    response: &'a str,
}

pub(crate) fn run(output: &Output, command: HelpDesk) -> Result<(), Failure> {
    secret::leave_no_core();
    match command {
        HelpDesk::Response(asked) => response(output, &asked),
    }
}

fn response(output: &Output, asked: &Response) -> Result<(), Failure> {
    let challenge = helpdesk::challenge(&asked.challenge)?;
    let cryptogram = if asked.xauth_key_env.is_some() || asked.xauth_key_fd.is_some() {
        let text = secret::text(asked.xauth_key_env.as_deref(), asked.xauth_key_fd, "")?;
        let key = XauthKey::from_hex(&text).map_err(device::Error::Card)?;
        key.answer(&challenge).map_err(device::Error::Card)?
    } else {
        let question = "Master key, in hexadecimal digits: ";
        let text = secret::text(asked.master_key_env.as_deref(), asked.master_key_fd, question)?;
        MasterKey::from_hex(&text)?.response(&asked.device_id, &challenge)?
    };
    let response = helpdesk::spoken(cryptogram.bytes());
    if !output.json {
        eprintln!("This opens all of the administration of {}, once:", asked.device_id);
    }
    let made = Made { device_id: &asked.device_id, response: &response };
    output.show(&made, || format!("{}\n", *response))
}
