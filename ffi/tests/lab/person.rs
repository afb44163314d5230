//! A person behind the callbacks: answers by a script, and remembers what was asked, shown and told.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    ffi::c_void,
    mem, ptr, slice,
};

use crescendo::*;

use super::{ok, read, text};

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) kind: crescendo_question_kind,
    pub(crate) tries: i32,
    pub(crate) device: Option<String>,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) digits: bool,
    pub(crate) problem: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) device_id: Option<String>,
    pub(crate) rules: Option<String>,
}

/// What was told of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) step: crescendo_step,
    pub(crate) percent: i32,
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) left_ms: u64,
}

type Answer<'a> = dyn FnMut(&Asked) -> Option<String> + 'a;
type Watch<'a> = dyn FnMut(&Told) -> bool + 'a;

/// Whoever sits in front of the program.
pub(crate) struct Person<'a> {
    answer: RefCell<Box<Answer<'a>>>,
    watch: RefCell<Box<Watch<'a>>>,
    consents: Cell<bool>,
    cancel: Cell<*const crescendo_cancel>,
    asked: RefCell<Vec<Asked>>,
    lines: RefCell<Vec<String>>,
    told: RefCell<Vec<Told>>,
}

impl<'a> Person<'a> {
    /// Answers like this, and cancels at `None`.
    pub(crate) fn new(answer: impl FnMut(&Asked) -> Option<String> + 'a) -> Self {
        Self {
            answer: RefCell::new(Box::new(answer)),
            watch: RefCell::new(Box::new(|_| true)),
            consents: Cell::new(false),
            cancel: Cell::new(ptr::null()),
            asked: RefCell::default(),
            lines: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Gives these answers, one after the other, and cancels at the end of them.
    pub(crate) fn saying(answers: &[&str]) -> Self {
        let mut answers: VecDeque<String> = answers.iter().map(|&answer| answer.to_owned()).collect();
        Self::new(move |_| answers.pop_front())
    }

    /// Says yes to whatever is lost.
    pub(crate) fn consenting(self) -> Self {
        self.consents.set(true);
        self
    }

    /// Is told how far it is, and says whether it is to go on.
    pub(crate) fn watching(self, watch: impl FnMut(&Told) -> bool + 'a) -> Self {
        *self.watch.borrow_mut() = Box::new(watch);
        self
    }

    pub(crate) fn with_cancel(self, cancel: *const crescendo_cancel) -> Self {
        self.cancel.set(cancel);
        self
    }

    /// The callbacks; the person outlives their use.
    pub(crate) fn callbacks(&self) -> crescendo_callbacks {
        crescendo_callbacks {
            size: mem::size_of::<crescendo_callbacks>(),
            user: ptr::from_ref(self).cast_mut().cast(),
            ask: Some(ask),
            confirm: Some(confirm),
            tell: Some(tell),
            cancel: self.cancel.get(),
        }
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// The kinds of it.
    pub(crate) fn kinds(&self) -> Vec<crescendo_question_kind> {
        self.asked.borrow().iter().map(|asked| asked.kind).collect()
    }

    /// The lines that were to be confirmed.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }
}

unsafe fn person<'a>(user: *mut c_void) -> &'a Person<'a> {
    unsafe { &*user.cast_const().cast::<Person<'a>>() }
}

unsafe extern "C" fn ask(
    user: *mut c_void,
    question: *const crescendo_question,
    answer: *mut crescendo_answer,
) -> bool {
    let (person, question) = unsafe { (person(user), &*question) };
    let asked = Asked {
        kind: question.kind,
        tries: question.tries,
        device: read(question.device),
        min: question.min,
        max: question.max,
        digits: question.digits,
        problem: read(question.problem),
        challenge: read(question.challenge),
        device_id: read(question.device_id),
        rules: read(question.rules),
    };
    person.asked.borrow_mut().push(asked.clone());
    let Some(said) = (person.answer.borrow_mut())(&asked) else { return false };
    let (data, length) = text(&said);
    ok(unsafe { crescendo_answer_set(answer, data, length) });
    true
}

unsafe extern "C" fn confirm(user: *mut c_void, lines: *const crescendo_text, count: usize) -> bool {
    let person = unsafe { person(user) };
    let lines = unsafe { slice::from_raw_parts(lines, count) };
    person.lines.borrow_mut().extend(lines.iter().map(|&line| read(line).unwrap()));
    person.consents.get()
}

unsafe extern "C" fn tell(user: *mut c_void, progress: *const crescendo_progress) -> bool {
    let (person, progress) = unsafe { (person(user), &*progress) };
    let told = Told {
        step: progress.step,
        percent: progress.percent,
        done: progress.done,
        total: progress.total,
        left_ms: progress.left_ms,
    };
    person.told.borrow_mut().push(told.clone());
    (person.watch.borrow_mut())(&told)
}
