//! Durations as they are typed.

use std::time::Duration;

/// The longest duration that is taken, so that a point in time can be computed from it: a thousand
/// years.
const LONGEST: Duration = Duration::from_secs(1000 * 366 * 86400);

/// A number of seconds, as in curl, or a number with units; months and years are no fixed lengths.
///
/// # Errors
/// What is wrong, and what a duration looks like.
pub fn parse(typed: &str) -> Result<Duration, String> {
    const LOOKS: &str = "a duration looks like 5, 2.5, 500ms or 1m30s";
    let is_number = !typed.is_empty() && typed.chars().all(|c| c.is_ascii_digit() || c == '.');
    let parsed = if is_number {
        typed.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    } else {
        let words = typed.split(|c: char| !c.is_ascii_alphabetic());
        if words.clone().any(|word| matches!(word, "M" | "y" | "yr" | "yrs") || is_long(word)) {
            return Err(format!("months and years have no fixed length; {LOOKS}"));
        }
        humantime::parse_duration(typed).ok()
    };
    let parsed = parsed.ok_or_else(|| LOOKS.to_owned())?;
    if parsed > LONGEST { Err("longer than a thousand years".into()) } else { Ok(parsed) }
}

fn is_long(word: &str) -> bool {
    word.starts_with("month") || word.starts_with("year")
}
