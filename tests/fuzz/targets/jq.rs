//! jq filters on messages: a mistake has its place within the filter, a run ends within its bounds, and
//! the ways to ask for its last result agree. That it ends in time, stack and memory is for the
//! fuzzer's own limits to say.
//!
//! The input is a filter, NUL, and a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wspipe::jq::Filter;

fuzz_target!(|input: &str| {
    let (source, message) = input.split_once('\0').unwrap_or((input, "null"));
    let filter = match Filter::parse(source, &["name".to_owned()]) {
        Ok(filter) => filter,
        Err(fault) => {
            // What is missing is missing behind the last character.
            let places = 1..=source.chars().count() + 1;
            assert!(places.contains(&fault.column), "{fault:?} in {source:?}");
            // Of the steps that are put in, nothing is told.
            let tells = fault.message.contains("__step") && !source.contains("__step");
            assert!(!tells, "{fault:?} in {source:?}");
            return;
        }
    };
    assert_eq!(filter.source(), source);
    let values = ["\"value\"".to_owned()];
    let message = message.as_bytes();
    let holds = filter.holds(message, &values);
    let verdict = filter.verdict(message, &values);
    assert_eq!(verdict.as_ref().map(|verdict| verdict.holds), holds.as_ref().copied());
    if let Ok(Some(last)) = filter.last(message, &values) {
        assert_eq!(holds, Ok(last != "false" && last != "null"), "{last} of {source:?}");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&last).is_ok(), "{last:?}");
        assert!(!last.contains('\n'), "{last:?} of {source:?}");
    }
});
