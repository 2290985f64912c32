//! A panic is told as the bug that it is, and has an exit code of its own.

use std::env;
use std::process::Command;

/// Set in the copy of this test that is to panic.
const PANIC: &str = "WSPIPE_TEST_PANICS";

#[test]
fn a_panic_ends_with_70_in_any_thread() {
    if let Ok(place) = env::var(PANIC) {
        wspipe::end_at_a_bug();
        if place == "thread" {
            let _ = std::thread::spawn(|| panic!("in a thread")).join();
        }
        panic!("in the first thread");
    }
    for (place, said) in [("main", "in the first thread"), ("thread", "in a thread")] {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_panic_ends_with_70_in_any_thread", "--nocapture"])
            .env(PANIC, place)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(70), "{stderr}");
        assert!(stderr.contains("a bug in wspipe") && stderr.contains(said), "{stderr}");
        assert!(!stderr.contains("panicked at library"), "{stderr}");
    }
}
