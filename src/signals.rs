//! Signals as they were when the process began. Whoever started us may have had some ignored (`nohup`, a
//! shell without job control for what runs behind it), and those stay ignored. What the others mean is
//! not decided here.

use std::sync::OnceLock;
use std::{fs, future, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether a signal was ignored when this was asked for the first time. Only Linux says so without
/// `unsafe`; elsewhere none was.
pub fn is_ignored(number: i32) -> bool {
    static IGNORED: OnceLock<u64> = OnceLock::new();
    let read = || ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    IGNORED.get_or_init(read) & bit(number) != 0
}

/// A signal that is waited for. One that is ignored never comes.
#[derive(Debug)]
pub struct Awaited(Option<Signal>);

impl Awaited {
    /// Takes it over, unless it is ignored.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn new(number: i32) -> io::Result<Self> {
        if is_ignored(number) { Ok(Awaited(None)) } else { Awaited::in_any_case(number) }
    }

    /// Takes it over, though it may be ignored.
    ///
    /// # Errors
    /// It cannot be had.
    pub fn in_any_case(number: i32) -> io::Result<Self> {
        Ok(Awaited(Some(signal(SignalKind::from_raw(number))?)))
    }

    /// Waits for it.
    pub async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => future::pending().await,
        }
    }
}

/// The set of ignored signals in a process's status.
fn ignored(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_status_of_the_process() {
        let cases = [
            ("", 0),
            ("Name:\tSigIgn\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000002\n", 0),
            ("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001003\n", bit(1) | bit(2) | bit(13)),
            ("SigIgn:\tno number\n", 0),
        ];
        for (status, expected) in cases {
            assert_eq!(ignored(status), expected, "{status:?}");
        }
    }

    #[test]
    fn the_runtime_has_sigpipe_ignored_and_nothing_else() {
        assert_eq!([2, 13, 15].map(is_ignored), [false, cfg!(target_os = "linux"), false]);
    }
}
