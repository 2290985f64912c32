//! Close codes and the payload of a Close frame (RFC 6455 sections 5.5.1 and 7.4).

use super::{MAX_CONTROL_PAYLOAD, Violation};

/// The number that stands for a Close without a code (RFC 6455 section 7.1.5).
pub const NO_CODE: u16 = 1005;
/// The number that stands for a connection lost without a Close (RFC 6455 section 7.1.5).
pub const ABNORMAL: u16 = 1006;
/// The longest reason, in bytes: a control frame's payload less the code.
pub const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// What a Close frame says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// The code, if the frame carries one.
    pub code: Option<u16>,
    /// The reason, at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// A Close with a code and a reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Close { code: Some(code), reason: reason.into() }
    }

    /// The code as RFC 6455 section 7.1.5 counts it: 1005 when there is none.
    pub fn number(&self) -> u16 {
        self.code.unwrap_or(NO_CODE)
    }

    /// Reads the payload of a Close frame.
    ///
    /// # Errors
    /// A payload of 1 byte, a code that may not be on the wire, a reason that is not UTF-8.
    pub fn decode(payload: &[u8]) -> Result<Close, Violation> {
        match payload {
            [] => Ok(Close::default()),
            [_] => Err(Violation::CloseOneByte),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if !is_valid_on_wire(code) {
                    return Err(Violation::CloseCode(code));
                }
                let reason = std::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
                Ok(Close::new(code, reason))
            }
        }
    }

    /// The payload of the frame; nothing when there is no code. The caller keeps the reason within
    /// [`MAX_REASON`].
    pub fn encode(&self) -> Vec<u8> {
        let Some(code) = self.code else { return Vec::new() };
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(self.reason.as_bytes());
        payload
    }
}

/// Whether a Close frame may carry this code: the assigned ones (1014 too, which IANA added after
/// RFC 6455) and the two ranges for libraries and applications.
pub fn is_valid_on_wire(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What a close code means, in the words of IANA's registry.
pub fn meaning(code: u16) -> &'static str {
    match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no close code",
        1006 => "abnormal closure",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        3000..=3999 => match code {
            3000 => "unauthorized",
            3003 => "forbidden",
            3008 => "timeout",
            _ => "registered by a library or framework",
        },
        4000..=4999 => "private to the application",
        _ => "unassigned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_may_be_on_the_wire_are_those_of_the_contract() {
        let valid: Vec<u16> =
            (0..=u16::MAX).filter(|c| is_valid_on_wire(*c)).filter(|c| *c < 3000).collect();
        assert_eq!(valid, [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);
        for (code, expected) in
            [(2999, false), (3000, true), (3999, true), (4000, true), (4999, true), (5000, false)]
        {
            assert_eq!(is_valid_on_wire(code), expected, "{code}");
        }
    }

    #[test]
    fn a_close_payload_is_judged_by_section_5_5_1() {
        let cases: [(&[u8], Result<Close, Violation>); 7] = [
            (b"", Ok(Close::default())),
            (b"\x03", Err(Violation::CloseOneByte)),
            (b"\x03\xe8", Ok(Close::new(1000, ""))),
            (b"\x03\xf6bad gateway", Ok(Close::new(1014, "bad gateway"))),
            (b"\x03\xed", Err(Violation::CloseCode(1005))),
            (b"\x13\x88", Err(Violation::CloseCode(5000))),
            (b"\x03\xe8\xff", Err(Violation::CloseReason)),
        ];
        for (payload, expected) in cases {
            let got = Close::decode(payload);
            assert_eq!(got, expected, "{payload:?}");
            if let Ok(close) = got {
                assert_eq!(close.encode(), payload);
            }
        }
    }
}
