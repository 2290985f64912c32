//! URLs as they are typed: what is taken for one prints as a URL that is taken for the same, and a
//! password is in nothing that is shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wspipe::handshake::{Location, Target};

/// What no error may say where it stands for a password.
const PASSWORD: &str = "hunter2";

fuzz_target!(|typed: &str| {
    let parsed = Target::parse(typed);
    let shown = match &parsed {
        Ok(Target::Echo) => return,
        Ok(Target::Server(location)) => {
            means_the_same(typed, location);
            format!("{location:?} {}", location.url())
        }
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains(char::is_control), "{error:?} of {typed:?}");
            error
        }
    };
    if is_password(typed) {
        assert!(!shown.contains(PASSWORD), "{shown} of {typed:?}");
    }
});

fn means_the_same(typed: &str, location: &Location) {
    let url = location.url();
    let again = Target::parse(&url);
    let expected = Location { credentials: None, ..location.clone() };
    assert_eq!(again, Ok(Target::Server(expected)), "{url:?} of {typed:?}");
    assert!(location.resource.starts_with('/'), "{location:?} of {typed:?}");
}

/// Whether the word is there once, where a URL has its password.
fn is_password(typed: &str) -> bool {
    let Some((before, after)) = typed.split_once(PASSWORD) else { return false };
    let Some((scheme, user)) = before.split_once("://") else { return false };
    if !["ws", "wss", "http", "https"].contains(&scheme) {
        return false;
    }
    let is_user = user.contains(':') && !user.contains(['/', '\\', '?', '#']);
    is_user && after.starts_with('@') && !after.contains(PASSWORD)
}
