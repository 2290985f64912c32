//! What follows `--compress=`: parameters of permessage-deflate (RFC 7692 section 7.1), and of ours.

use super::values::size;
use crate::handshake::Offer;
use crate::handshake::deflate::{
    CLIENT_BITS, CLIENT_NO_CONTEXT, SERVER_BITS, SERVER_NO_CONTEXT, bits,
};
use crate::wire::WINDOW_BITS;

/// Our own parameters.
const LEVEL: &str = "level";
const MIN_SIZE: &str = "min-size";

/// Reads parameters with commas or semicolons between.
///
/// # Errors
/// The parameter that is wrong, and what would be right.
pub fn compress(typed: &str) -> Result<Offer, String> {
    let mut offer = Offer::default();
    let mut names: Vec<&str> = Vec::new();
    let parameters = typed.split([',', ';']).map(str::trim).filter(|text| !text.is_empty());
    for parameter in parameters {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (parameter, None),
        };
        if names.contains(&name) {
            return Err(format!("{name} is given twice"));
        }
        names.push(name);
        match (name, value) {
            (CLIENT_NO_CONTEXT, None) => offer.client_no_context_takeover = true,
            (SERVER_NO_CONTEXT, None) => offer.server_no_context_takeover = true,
            (CLIENT_NO_CONTEXT | SERVER_NO_CONTEXT, Some(_)) => {
                return Err(format!("{name} takes no value"));
            }
            // It is always offered; without a value, the server may choose.
            (CLIENT_BITS, None) => {}
            (CLIENT_BITS, Some(value)) => {
                let ours = bits(value).filter(|bits| WINDOW_BITS.contains(bits));
                let ours = ours.ok_or("client_max_window_bits is 9 to 15, for windows of 512 to 32768 bytes; zlib has no smaller one")?;
                offer.client_max_window_bits = Some(ours);
            }
            (SERVER_BITS, Some(value)) => {
                let theirs = bits(value);
                let theirs = theirs.ok_or(
                    "server_max_window_bits is 8 to 15, for windows of 256 to 32768 bytes",
                )?;
                offer.server_max_window_bits = Some(theirs);
            }
            (LEVEL, Some(value)) => offer.level = level(value)?,
            (MIN_SIZE, Some(value)) => {
                let bytes = size(value).map_err(|why| format!("{MIN_SIZE}: {why}"))?;
                offer.min_size = usize::try_from(bytes).unwrap_or(usize::MAX);
            }
            (SERVER_BITS | LEVEL | MIN_SIZE, None) => {
                return Err(format!("{name} needs a value, as in {name}=9"));
            }
            _ => return Err(unknown(parameter)),
        }
    }
    Ok(offer)
}

fn level(value: &str) -> Result<u32, String> {
    match value.as_bytes() {
        [digit @ b'0'..=b'9'] => Ok(u32::from(digit - b'0')),
        _ => Err("level is 0 (nothing is compressed), or 1 (fast) to 9 (small)".into()),
    }
}

fn unknown(parameter: &str) -> String {
    format!(
        "{parameter:?} is none of {CLIENT_NO_CONTEXT}, {SERVER_NO_CONTEXT}, {CLIENT_BITS}[=N], \
         {SERVER_BITS}=N, {LEVEL}=N, {MIN_SIZE}=BYTES"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_an_offer() {
        let cases = [
            ("", "permessage-deflate; client_max_window_bits"),
            ("client_max_window_bits", "permessage-deflate; client_max_window_bits"),
            ("client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"),
            ("server_max_window_bits=8, level=9", {
                "permessage-deflate; client_max_window_bits; server_max_window_bits=8"
            }),
            ("client_no_context_takeover;server_no_context_takeover;min-size=10", {
                "permessage-deflate; client_no_context_takeover; server_no_context_takeover; \
                 client_max_window_bits"
            }),
        ];
        for (typed, offer) in cases {
            assert_eq!(compress(typed).expect(typed).to_string(), offer, "{typed}");
        }
        let offer = compress("level=9,min-size=1K").unwrap();
        assert_eq!((offer.level, offer.min_size), (9, 1024));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("x", "\"x\" is none of client_no_context_takeover, "),
            ("level=10", "level is 0 (nothing is compressed), or 1"),
            ("level=+3", "level is 0"),
            ("level=01", "level is 0"),
            ("level", "level needs a value"),
            ("server_max_window_bits", "server_max_window_bits needs a value"),
            ("server_max_window_bits=7", "server_max_window_bits is 8 to 15"),
            ("client_max_window_bits=7", "client_max_window_bits is 9 to 15"),
            ("client_max_window_bits=8", "zlib has no smaller one"),
            ("client_no_context_takeover=1", "client_no_context_takeover takes no value"),
            ("min-size=-1", "min-size: a size is a number of bytes"),
            ("level=1,level=1", "level is given twice"),
        ];
        for (typed, says) in cases {
            let why = compress(typed).expect_err(typed);
            assert!(why.contains(says), "{typed}: {why}");
        }
    }
}
