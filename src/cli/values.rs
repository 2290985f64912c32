//! Values as they are typed: durations, sizes, close codes, delimiters, filters.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

pub use crate::duration::parse as duration;
use regex::bytes::Regex;

use crate::jq::Filter;
use crate::policy::ending::Patience;
use crate::policy::pace::Pacing;
use crate::scenario::is_variable;
use crate::wire::close;

/// The highest rate that is taken: more than can be kept.
const MOST_PER_SECOND: u64 = 1_000_000;

/// A duration that must pass: 0 makes no sense.
///
/// # Errors
/// As [`duration`], and 0.
pub fn positive_duration(typed: &str) -> Result<Duration, String> {
    match duration(typed)? {
        Duration::ZERO => Err("must be more than 0".into()),
        duration => Ok(duration),
    }
}

/// A duration, `none` or `forever`.
///
/// # Errors
/// As [`duration`].
pub fn linger(typed: &str) -> Result<Patience, String> {
    match typed {
        "none" => Ok(Patience::For(Duration::ZERO)),
        _ => wait(typed),
    }
}

/// A duration or `forever`.
///
/// # Errors
/// As [`duration`].
pub fn wait(typed: &str) -> Result<Patience, String> {
    match typed {
        "forever" => Ok(Patience::Forever),
        _ => duration(typed).map(Patience::For),
    }
}

/// A name for `{{NAME}}`, and the text that it stands for.
///
/// # Errors
/// What is wrong.
pub fn variable(typed: &str) -> Result<(String, String), String> {
    match typed.split_once('=') {
        Some((name, value)) if is_variable(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) if name.starts_with("env.") => {
            Err("what begins with env. is a variable of the environment".into())
        }
        Some(_) => Err("a name is letters, digits, _, - and dots, and begins with a letter".into()),
        None => Err("write NAME=VALUE".into()),
    }
}

/// A number of bytes; K, M and G are powers of 1024.
///
/// # Errors
/// What is wrong.
pub fn size(typed: &str) -> Result<u64, String> {
    let (digits, factor) = match typed.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&typed[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&typed[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&typed[..at], 1 << 30),
        _ => (typed, 1u64),
    };
    let count: Option<u64> = digits.parse().ok();
    count
        .and_then(|count| count.checked_mul(factor))
        .filter(|bytes| *bytes < 1 << 62)
        .ok_or_else(|| "a size is a number of bytes, such as 512, 64K, 16M or 1G".into())
}

/// A size of at least one byte.
///
/// # Errors
/// As [`size`], and 0.
pub fn chunk_size(typed: &str) -> Result<usize, String> {
    match size(typed)? {
        0 => Err("a chunk has at least one byte".into()),
        bytes => usize::try_from(bytes).map_err(|error| error.to_string()),
    }
}

/// A code that a Close frame may carry.
///
/// # Errors
/// Any other number.
pub fn close_code(typed: &str) -> Result<u16, String> {
    typed
        .parse()
        .ok()
        .filter(|code| close::is_valid_on_wire(*code))
        .ok_or_else(|| "a Close may carry 1000 to 1003, 1007 to 1014 and 3000 to 4999".to_owned())
}

/// The same, or 1005 for a Close without a code, or 1006 for none at all.
///
/// # Errors
/// Any other number.
pub fn farewell_code(typed: &str) -> Result<u16, String> {
    match typed {
        "1005" => Ok(close::NO_CODE),
        "1006" => Ok(close::ABNORMAL),
        _ => close_code(typed).map_err(|error| error + ", 1005 is one without a code, 1006 none"),
    }
}

/// A reason that fits into a Close frame.
///
/// # Errors
/// More than 123 bytes.
pub fn close_reason(typed: &str) -> Result<String, String> {
    if typed.len() > close::MAX_REASON {
        return Err(format!("has {} bytes, at most {} fit", typed.len(), close::MAX_REASON));
    }
    Ok(typed.to_owned())
}

/// A close code or a range of them, 1005 (none) and 1006 (lost) included.
///
/// # Errors
/// What is no such range.
pub fn close_codes(typed: &str) -> Result<RangeInclusive<u16>, String> {
    let code = |text: &str| {
        text.parse().ok().filter(|code| (1000..=4999).contains(code)).ok_or_else(|| {
            format!("{text:?} is not a close code from 1000 to 4999, or a range such as 4000-4099")
        })
    };
    let (low, high) = typed.split_once('-').unwrap_or((typed, typed));
    let range = code(low)?..=code(high)?;
    if range.is_empty() { Err("the range is empty".into()) } else { Ok(range) }
}

/// Close codes as in [`close_codes`], or statuses from 400 to 499.
///
/// # Errors
/// What is neither.
pub fn reconnect_codes(typed: &str) -> Result<RangeInclusive<u16>, String> {
    let number = |text: &str| text.parse().ok().filter(|status| (400..=499).contains(status));
    let (low, high) = typed.split_once('-').unwrap_or((typed, typed));
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok(low..=high),
        _ => close_codes(typed)
            .map_err(|why| format!("{why}; a status from 400 to 499 may stand here too")),
    }
}

/// Where to listen: a port of 127.0.0.1, or host and port.
///
/// # Errors
/// What is neither.
pub fn address(typed: &str) -> Result<String, String> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    match typed.rsplit_once(':') {
        None if is_port(typed) => Ok(format!("127.0.0.1:{typed}")),
        Some((host, port)) if !host.is_empty() && is_port(port) => Ok(typed.to_owned()),
        _ => Err("an address is PORT or HOST:PORT; put -- before a command".into()),
    }
}

/// RFC 6455 section 4.1, 10: a token of RFC 9110 section 5.6.2.
///
/// # Errors
/// What is no token.
pub fn subprotocol(typed: &str) -> Result<String, String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if typed.is_empty() || !typed.chars().all(is_token) {
        return Err("a subprotocol is letters, digits and !#$%&'*+-.^_`|~; name several by repeating the flag".into());
    }
    Ok(typed.to_owned())
}

/// A status by which an upgrade is refused.
///
/// # Errors
/// What is none.
pub fn refusal(typed: &str) -> Result<u16, String> {
    match typed.parse() {
        Ok(101) => Err("101 is no refusal: without this flag, the upgrade must succeed".into()),
        Ok(status @ 200..=599) => Ok(status),
        _ => Err("a refusal has a status from 200 to 599".into()),
    }
}

/// A regular expression.
///
/// # Errors
/// What is wrong, and where.
pub fn regex(typed: &str) -> Result<Regex, String> {
    Regex::new(typed).map_err(|error| error.to_string())
}

/// A jq filter.
///
/// # Errors
/// What is wrong, and where.
pub fn jq(typed: &str) -> Result<Filter, String> {
    Filter::parse(typed, &[]).map_err(|fault| fault.to_string())
}

/// A number of messages.
///
/// # Errors
/// What is no number.
pub fn count(typed: &str) -> Result<u64, String> {
    typed.parse().map_err(|_| "a number of messages, such as 1".into())
}

/// How many tries.
///
/// # Errors
/// What is no number.
pub fn tries(typed: &str) -> Result<u64, String> {
    typed.parse().map_err(|_| "a number of tries, such as 5".into())
}

/// How many times.
///
/// # Errors
/// What is no number, and 0.
pub fn times(typed: &str) -> Result<NonZeroU64, String> {
    let times: u64 = typed.parse().map_err(|_| "a number of times, such as 10")?;
    NonZeroU64::new(times).ok_or_else(|| "must be at least 1".into())
}

/// Messages per second, minute or hour.
///
/// # Errors
/// What is wrong, and what a rate looks like.
pub fn rate(typed: &str) -> Result<Pacing, String> {
    const LOOKS: &str =
        "a rate is a whole number of messages per second, minute or hour: 10/s, 90/m or 5/h";
    let Some((count, unit)) = typed.split_once('/') else {
        let is_number = typed.parse::<u64>().is_ok();
        let has_unit = || format!("a rate has a unit: {typed}/s, {typed}/m or {typed}/h");
        return Err(if is_number { has_unit() } else { LOOKS.into() });
    };
    let per = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(LOOKS.into()),
    };
    match count.parse() {
        Ok(0) => Err("must be more than 0".into()),
        Ok(count) if count > MOST_PER_SECOND * per => Err(format!(
            "at most {MOST_PER_SECOND}/s; without a rate, messages go as fast as they can"
        )),
        Ok(count) => Ok(Pacing::Rate { count, per: Duration::from_secs(per) }),
        Err(_) => Err(LOOKS.into()),
    }
}

/// A delimiter with its escapes.
///
/// # Errors
/// An empty one, or an unknown escape.
pub fn delimiter(typed: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = typed.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
                byte.ok_or("\\x needs two hex digits")?
            }
            _ => return Err("the escapes are \\n \\r \\t \\0 \\\\ and \\xHH".into()),
        });
    }
    if bytes.is_empty() { Err("an empty delimiter stands nowhere".into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_or_have_units() {
        let cases = [
            ("5", Some(5000)),
            ("0", Some(0)),
            ("2.5", Some(2500)),
            (".5", Some(500)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("1m 30s", Some(90_000)),
            ("1d", Some(86_400_000)),
            ("1month", None),
            ("1M", None),
            ("2years", None),
            ("1y", None),
            ("", None),
            ("-1", None),
            ("abc", None),
            ("1.2.3", None),
            ("99999999999999", None),
            ("1e3", None),
        ];
        for (typed, millis) in cases {
            assert_eq!(duration(typed).ok(), millis.map(Duration::from_millis), "{typed}");
        }
        assert!(positive_duration("0").is_err());
        assert_eq!(linger("none"), Ok(Patience::For(Duration::ZERO)));
        assert_eq!(wait("forever"), Ok(Patience::Forever));
        assert!(wait("none").is_err());
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        let cases = [
            ("0", Some(0)),
            ("512", Some(512)),
            ("64K", Some(65536)),
            ("1m", Some(1 << 20)),
            ("2G", Some(2 << 30)),
            ("", None),
            ("K", None),
            ("1T", None),
            ("-1", None),
            ("99999999999G", None),
        ];
        for (typed, bytes) in cases {
            assert_eq!(size(typed).ok(), bytes, "{typed}");
        }
        assert!(chunk_size("0").is_err());
    }

    #[test]
    fn a_rate_has_a_unit() {
        let cases = [
            ("10/s", Some((10, 1))),
            ("90/m", Some((90, 60))),
            ("5/h", Some((5, 3600))),
            ("1000000/s", Some((1_000_000, 1))),
            ("1000001/s", None),
            ("60000000/m", Some((60_000_000, 60))),
            ("60000001/m", None),
            ("0/s", None),
            ("10", None),
            ("10/", None),
            ("10/d", None),
            ("1.5/s", None),
            ("-1/s", None),
            ("/s", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            let of = |(count, per)| Pacing::Rate { count, per: Duration::from_secs(per) };
            assert_eq!(rate(typed).ok(), expected.map(of), "{typed}");
        }
        assert!(times("0").is_err() && times("x").is_err());
    }

    #[test]
    fn close_codes_are_single_or_ranges() {
        assert_eq!(close_codes("1001"), Ok(1001..=1001));
        assert_eq!(close_codes("4000-4099"), Ok(4000..=4099));
        assert_eq!(close_codes("1006"), Ok(1006..=1006));
        for typed in ["", "999", "5000", "1001-1000", "a", "1000-"] {
            assert!(close_codes(typed).is_err(), "{typed}");
            assert!(reconnect_codes(typed).is_err(), "{typed}");
        }
        for (typed, codes) in [("429", 429..=429), ("400-499", 400..=499), ("1008", 1008..=1008)] {
            assert_eq!(reconnect_codes(typed), Ok(codes));
        }
        for typed in ["399", "500", "499-400", "400-1008"] {
            assert!(reconnect_codes(typed).is_err(), "{typed}");
        }
        assert_eq!(close_code("1014"), Ok(1014));
        for typed in ["1004", "1005", "1006", "1015", "2999", "5000", "x"] {
            assert!(close_code(typed).is_err(), "{typed}");
        }
        for (typed, code) in [("1005", 1005), ("1006", 1006), ("4000", 4000)] {
            assert_eq!(farewell_code(typed), Ok(code));
        }
        assert!(farewell_code("1015").is_err());
    }

    #[test]
    fn addresses_are_a_port_or_host_and_port() {
        let cases = [
            ("9000", Some("127.0.0.1:9000")),
            ("localhost:9000", Some("localhost:9000")),
            ("[::1]:0", Some("[::1]:0")),
            ("0.0.0.0:1", Some("0.0.0.0:1")),
            ("99999", None),
            (":80", None),
            ("host", None),
            ("host:", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(address(typed).ok().as_deref(), expected, "{typed}");
        }
    }

    #[test]
    fn delimiters_have_escapes() {
        let cases: [(&str, Option<&[u8]>); 8] = [
            ("--", Some(b"--")),
            (r"\r\n\t\0", Some(b"\r\n\t\0")),
            (r"\xff\x00\\", Some(b"\xff\0\\")),
            ("ä", Some("ä".as_bytes())),
            ("", None),
            (r"\q", None),
            (r"\x1", None),
            ("\\", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(delimiter(typed).ok().as_deref(), expected, "{typed}");
        }
    }
}
