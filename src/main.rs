//! The process: arguments in, exit code or signal out.

use std::process;
use std::time::Instant;

use wspipe::exit::Exit;

fn main() {
    let start = Instant::now();
    wspipe::end_at_a_bug();
    match wspipe::run(std::env::args_os(), start) {
        Exit::Code(code) => process::exit(code),
        Exit::Signal(signal) => {
            // Dying by the signal itself is what stops a shell's loop around us.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            process::exit(128 + signal);
        }
    }
}
