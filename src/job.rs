//! Job control: whose the terminal is. Who is in the background and reads there, or sets modes, is stopped
//! by the system, again and again after each SIGCONT, and before anybody hears of a signal that came with it,
//! which is how a shell ends a job that is stopped. So those who set modes wait here until they may.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use rustix::process::{Signal, getpgrp, kill_current_process_group};
use rustix::termios::tcgetpgrp;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTOU};
use signal_hook::flag;

use crate::signals::is_ignored;

/// Signals that end the process.
pub const DEADLY: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Enough to be stopped, and to hear a signal that came together with what continued us.
const MOMENT: Duration = Duration::from_millis(100);

/// Whether one of them has come.
static ENDING: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Whether nobody is stopped who sets the modes of this terminal.
pub fn has_terminal(terminal: &impl AsFd) -> bool {
    // What is not the terminal of this session has no jobs.
    tcgetpgrp(terminal).map_or(true, |group| group == getpgrp()) || is_ignored(SIGTTOU)
}

/// From now on it is noted when one of these signals comes, which end the process, whenever it is acted upon.
/// Somebody must act: the system does not any more.
pub fn heed_signals(signals: &[i32]) {
    let ending = ENDING.get_or_init(Arc::default);
    for &signal in signals.iter().filter(|signal| !is_ignored(**signal)) {
        // Without it, we may be stopped once more before the end.
        let _ = flag::register(signal, Arc::clone(ending));
    }
}

/// Lets other threads have these signals.
pub fn leave_to_others(signals: impl IntoIterator<Item = nix::sys::signal::Signal>) {
    // It fails for no set of signals that there are.
    let _ = SigSet::from_iter(signals).thread_block();
}

/// Waits until this job has the terminal, and is stopped until then. Once a signal has come that ends the
/// process, or all `is_over`, it is not stopped any more, and whoever waits here waits for the end.
///
/// # Errors
/// There is no shell that could bring the job to the foreground.
pub fn come_forward(terminal: &impl AsFd, is_over: impl Fn() -> bool) -> io::Result<()> {
    let is_ending = || ENDING.get().is_some_and(|ending| ending.load(Ordering::Relaxed));
    let mut was_stopped = false;
    while !has_terminal(terminal) {
        thread::sleep(MOMENT);
        if is_ending() || is_over() {
            loop {
                thread::park();
            }
        }
        if has_terminal(terminal) {
            break;
        }
        if was_stopped && !continued().load(Ordering::Relaxed) {
            // As the system has it for a job that it cannot stop.
            return Err(Errno::EIO.into());
        }
        stop(Signal::TTOU);
        was_stopped = true;
    }
    Ok(())
}

/// Whether what was read at this terminal may be read again: it failed because the job was in the background,
/// and now it has come forward.
pub fn may_read_again(terminal: &impl AsFd, is_over: impl Fn() -> bool) -> bool {
    !has_terminal(terminal) && come_forward(terminal, is_over).is_ok()
}

/// Stops the job, with all its processes; returns once it goes on, or if it cannot be stopped.
pub fn stop(signal: Signal) {
    continued().store(false, Ordering::Relaxed);
    // There is a process group in any case.
    let _ = kill_current_process_group(signal);
    // Another thread may take the signal, and stop this one a little later: in here.
    thread::sleep(MOMENT);
}

/// Whether the process has been continued since this was last taken back.
fn continued() -> &'static AtomicBool {
    static CONTINUED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    CONTINUED.get_or_init(|| {
        let continued = Arc::default();
        // Without it, it is as if no shell were there.
        let _ = flag::register(SIGCONT, Arc::clone(&continued));
        continued
    })
}
