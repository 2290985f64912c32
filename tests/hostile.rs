//! The hostile server: a table of everything a server can do wrong, from the first byte of its answer to the
//! last of the connection, and how the program takes each. Raw sockets, no WebSocket library, no code of the
//! program.
//!
//! Each case is a run with time limits of its own, so that none ends by a limit of the test's. What happened
//! stands in `hostile/RESULTS.md` (`UPDATE=1 cargo test --test hostile` writes it anew), and with times and
//! memory in `hostile.md` in cargo's folder for the files of tests.

mod support;

mod hostile {
    pub mod case;
    pub mod closing;
    pub mod flood;
    pub mod frames;
    pub mod opening;
    pub mod refusal;
    pub mod report;
    pub mod silence;
    pub mod text;
    pub mod tls;
}

use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

use hostile::case::{Case, Happened};
use hostile::{closing, flood, frames, opening, refusal, report, silence, text, tls};

/// Most cases wait, for a peer or for a limit; the floods come first, and have the rest beside them.
const AT_ONCE: usize = 6;

/// The subjects in the order of the table.
fn table() -> Vec<Case> {
    let subjects = [
        ("the answer", opening::cases()),
        ("refusals", refusal::cases()),
        ("TLS", tls::cases()),
        ("frames", frames::cases()),
        ("text", text::cases()),
        ("Close", closing::cases()),
        ("silence and trickles", silence::cases()),
        ("floods", flood::cases()),
    ];
    let of_subject = |(subject, cases): (&'static str, Vec<Case>)| {
        cases.into_iter().map(move |case| case.of(subject))
    };
    subjects.into_iter().flat_map(of_subject).collect()
}

/// Runs all, some at a time, the last of the table first.
fn run_all(cases: Vec<Case>) -> Vec<Happened> {
    let waiting = Mutex::new(cases.into_iter().enumerate().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((number, case)) = waiting.lock().unwrap().pop() else { return };
                    let happened = case.run();
                    done.lock().unwrap().push((number, happened));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, happened)| happened).collect()
}

#[test]
fn every_misbehaviour_of_a_server_ends_as_the_contract_says() {
    let cases = table();
    let names: HashSet<_> = cases.iter().map(|case| (case.subject, &case.name)).collect();
    assert_eq!(names.len(), cases.len(), "a name stands for one misbehaviour");
    let happened = run_all(cases);
    report::print(&happened);
    let wrong: Vec<_> = happened.iter().filter_map(|case| case.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "{} wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
    report::compare(&happened);
}
