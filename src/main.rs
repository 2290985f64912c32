//! The process: arguments in, exit code or signal out.

use std::panic;
use std::process;
use std::time::Instant;

use wspipe::exit::{Exit, code};

fn main() {
    let start = Instant::now();
    // The default would end with 101, which here means that the session was closed with 1001.
    panic::set_hook(Box::new(|bug| {
        eprintln!("wspipe: a bug in wspipe, please report it: {bug}");
        process::exit(code::BUG);
    }));
    match wspipe::run(std::env::args_os(), start) {
        Exit::Code(code) => process::exit(code),
        Exit::Signal(signal) => {
            // Dying by the signal itself is what stops a shell's loop around us.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            process::exit(128 + signal);
        }
    }
}
