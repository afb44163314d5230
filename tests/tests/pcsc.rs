//! What our side of PC/SC tells of a card, with pcscd: the name of its stay in the reader, and how long a command may be.

#![forbid(unsafe_code)]

use std::fs;
use std::thread::{self, sleep};
use std::time::Duration;

use crescendo_tests::{Lab, alone};
use link::Card;

fn connect() -> Box<dyn Card> {
    let readers = host::readers();
    let list = readers.list().unwrap();
    let reader = list.iter().find(|reader| reader.atr.is_some()).expect("there is a card");
    readers.connect(&reader.name).unwrap()
}

fn insertion() -> String {
    connect().insertion().expect("pcscd is on this machine").to_owned()
}

#[test]
fn a_stay_in_a_reader_has_a_name_of_its_own() {
    alone("a_stay_in_a_reader_has_a_name_of_its_own", &[], |mut lab| {
        let first = insertion();
        assert_eq!(insertion(), first);
        let _ = lab.card("reset");
        assert!(lab.program("opensc-tool").arg("--reset").run().status.is_some());
        assert_eq!(insertion(), first, "a reset is no removal");

        let mut old = connect();
        lab.pull();
        lab.insert();
        let second = insertion();
        assert_ne!(second, first, "put in again");
        assert_eq!(old.insertion(), Some(&first[..]));
        assert!(old.begin().is_err());

        lab.restart_pcscd();
        let third = insertion();
        assert!(third != first && third != second, "pcscd counts anew: {third}");
        assert_eq!(insertion(), third);
    });
}

/// As systemd does: the socket stays, and pcscd comes when it is needed and goes when it is not. Only its pid file is new.
#[test]
fn a_new_pcscd_behind_the_same_socket_is_noticed() {
    alone("a_new_pcscd_behind_the_same_socket_is_noticed", &[], |lab| {
        let before = insertion();
        let pid_file = lab.path("run/pcscd.pid");
        let pid = fs::read(&pid_file).unwrap();
        fs::write(&pid_file, pid).unwrap();
        assert_ne!(insertion(), before);
        fs::remove_file(&pid_file).unwrap();
        assert_eq!(connect().insertion(), None, "nobody can say which pcscd it is");
    });
}

#[test]
fn a_card_that_others_use_has_the_same_name() {
    alone("a_card_that_others_use_has_the_same_name", &[], |_| {
        let name = insertion();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let mut card = connect();
                        // The channel cannot be asked for while another one holds the card.
                        assert!(card.insertion().is_none_or(|early| early == name));
                        let transaction = card.begin().unwrap();
                        sleep(Duration::from_millis(5));
                        drop(transaction);
                        assert_eq!(card.insertion(), Some(&name[..]));
                    }
                });
            }
        });
        let mut card = connect();
        assert!(card.alone().unwrap());
        assert_eq!(card.insertion(), Some(&name[..]));
    });
}

#[test]
fn extended_apdus_get_through_and_asking_for_them_costs_none() {
    alone("extended_apdus_get_through_and_asking_for_them_costs_none", &["--extended"], |lab| {
        let (apdus, mut card) = lab.apdus(|| {
            let mut card = connect();
            assert!(card.insertion().is_some());
            let transaction = card.begin().unwrap();
            assert_eq!(transaction.link.max_command(), 65544, "T=1, and the driver does not tell");
            drop(transaction);
            card
        });
        assert_eq!(apdus, 0);
        let mut transaction = card.begin().unwrap();
        let mut send = |apdu: &[u8]| transaction.link.transmit(apdu).unwrap();
        let selected = send(&[0, 0xA4, 4, 0, 9, 0xA0, 0, 0, 3, 8, 0, 0, 0x10, 0, 0]);
        assert!(selected.ends_with(&[0x90, 0]));
        // GET DATA of the certificate of 9A, all of it in one answer.
        let get_data = [0, 0xCB, 0x3F, 0xFF, 0, 0, 5, 0x5C, 3, 0x5F, 0xC1, 5, 0, 0];
        let answer = send(&get_data);
        assert!(answer.len() > 1000 && answer.ends_with(&[0x90, 0]), "{} bytes", answer.len());
        // An unknown command with 700 bytes of data: it is refused for what it is, not for its length.
        let long = [&[0, 0x01, 0, 0, 0, 0x02, 0xBC][..], &[0x5A; 700]].concat();
        assert_eq!(send(&long), [0x6D, 0]);
    });
}

#[test]
fn a_card_without_extended_apdus_says_so_itself() {
    alone("a_card_without_extended_apdus_says_so_itself", &[], |_: Lab| {
        let mut card = connect();
        let mut transaction = card.begin().unwrap();
        let get_data = [0, 0xCB, 0x3F, 0xFF, 0, 0, 5, 0x5C, 3, 0x5F, 0xC1, 2, 0, 0];
        let answer = transaction.link.transmit(&get_data).unwrap();
        assert_eq!(answer, [0x67, 0], "wrong length, and the link is still there");
        assert!(transaction.link.transmit(&[0, 0xA4, 4, 0, 0, 0]).unwrap().len() >= 2);
    });
}
