//! What every call goes through.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{crescendo_status, error, failure::Failure};

/// Runs a call: no panic crosses to C, and what went wrong can be asked for afterwards.
pub(crate) fn enter(call: impl FnOnce() -> Result<(), Failure>) -> crescendo_status {
    let told = || match call() {
        Ok(()) => {
            error::clear();
            crescendo_status::Ok
        }
        Err(failure) => error::keep(&failure),
    };
    catch_unwind(AssertUnwindSafe(told)).unwrap_or_else(|_| error::keep(&Failure::Panic))
}

#[cfg(test)]
mod tests {
    use std::{ffi::CStr, panic, thread};

    use super::*;
    use crate::crescendo_last_error;

    /// What the last error of this thread says.
    fn last() -> (crescendo_status, Option<String>) {
        let error = crescendo_last_error();
        // SAFETY: it is never null, and its text has a NUL after it.
        unsafe {
            let text = (*error).message.data;
            let message = (!text.is_null()).then(|| CStr::from_ptr(text).to_str().unwrap().to_owned());
            ((*error).status, message)
        }
    }

    /// Panics while it is dropped.
    struct Falls;

    impl Drop for Falls {
        fn drop(&mut self) {
            panic!("while it is dropped");
        }
    }

    #[test]
    fn a_panic_becomes_a_status_and_tells_nothing_of_what_it_was_about() {
        panic::set_hook(Box::new(|_| {}));
        let secret = String::from("123456");
        let panics: [fn(&str); 3] = [
            |text| panic!("{text}"),
            |text| assert!(text.is_empty(), "{text}"),
            |text| drop((text.to_owned(), Falls)),
        ];
        for panics in panics {
            let status = enter(|| {
                panics(&secret);
                Ok(())
            });
            assert_eq!((status, last().0), (crescendo_status::Panic, crescendo_status::Panic));
            let message = last().1.unwrap();
            assert!(message.contains("half done") && !message.contains(&secret), "{message}");
        }
        extern "C" fn exported() -> crescendo_status {
            enter(|| panic!("in an exported function"))
        }
        assert_eq!(thread::spawn(|| exported()).join().unwrap(), crescendo_status::Panic);
        let _ = panic::take_hook();
    }

    #[test]
    fn the_last_error_is_that_of_the_last_call_in_this_thread() {
        let fails = || enter(|| Err(Failure::Null("the name")));
        assert_eq!(fails(), crescendo_status::NullPointer);
        thread::spawn(|| assert_eq!(last(), (crescendo_status::Ok, None))).join().unwrap();
        assert_eq!(last(), (crescendo_status::NullPointer, Some("the name is NULL".into())));
        assert_eq!(enter(|| Ok(())), crescendo_status::Ok);
        assert_eq!(last(), (crescendo_status::Ok, None));
    }
}
