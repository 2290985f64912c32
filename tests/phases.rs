//! Every phase of a run, ended from outside: rows are phases, columns are the limits and signals that end
//! it. Each cell is a run of its own, told what to do only once it is in the phase, and must end as the
//! contract says: by the signal itself or with 28, with the same closing line, and soon.

mod support;

mod phases {
    pub mod case;
    pub mod checking;
    pub mod closing;
    pub mod opening;
    pub mod resolving;
    pub mod serving;
    pub mod streaming;
}

use std::sync::Mutex;
use std::thread;

use phases::case::{Column, Phase};
use phases::{checking, closing, opening, resolving, serving, streaming};

/// Nearly all of the time is spent waiting for limits.
const AT_ONCE: usize = 8;

fn run_all(phases: Vec<Phase>) {
    let cells: Vec<(usize, Column)> = phases
        .iter()
        .enumerate()
        .flat_map(|(number, phase)| phase.columns.iter().map(move |column| (number, *column)))
        .collect();
    let waiting = Mutex::new(cells.into_iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((number, column)) = next else { return };
                    if let Err(why) = phases[number].run(column) {
                        wrong.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn while_a_name_is_resolved() {
    if resolving::is_inside("while_a_name_is_resolved") {
        run_all(resolving::phases());
    }
}

#[test]
fn before_a_session_is_open() {
    run_all(opening::phases());
}

#[test]
fn while_messages_pass_or_wait() {
    run_all(streaming::phases());
}

#[test]
fn while_a_session_is_closed() {
    run_all(closing::phases());
}

#[test]
fn while_scenarios_are_played() {
    run_all(checking::phases());
}

#[test]
fn before_a_server_is_there() {
    run_all(serving::phases());
}
