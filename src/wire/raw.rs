//! A frame made by hand: every field of RFC 6455 section 5.2 as it is wanted, right or wrong.

/// A frame that is sent as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// The first byte: FIN, the reserved bits and the opcode.
    pub first: u8,
    /// Whether the payload is masked, and with what.
    pub mask: Mask,
    /// The length of the payload that is stated, in bytes.
    pub length: u64,
    /// How that is written; it holds `length`.
    pub length_form: LengthForm,
    /// The payload, not masked yet.
    pub payload: Vec<u8>,
}

/// The mask of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// There is none.
    Absent,
    /// Four bytes from a strong source of entropy (RFC 6455 section 10.3).
    Random,
    /// These.
    Key([u8; 4]),
}

/// The three ways to write a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// In the 7 bits of the second byte: up to 125.
    InHeader,
    /// In 2 bytes behind it.
    TwoBytes,
    /// In 8 bytes behind it.
    EightBytes,
}

impl LengthForm {
    /// The form of so many bytes behind the second one.
    pub fn of_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            0 => Some(LengthForm::InHeader),
            2 => Some(LengthForm::TwoBytes),
            8 => Some(LengthForm::EightBytes),
            _ => None,
        }
    }

    /// The shortest form of a length, which is the only right one.
    pub fn shortest(length: u64) -> Self {
        let forms = [LengthForm::InHeader, LengthForm::TwoBytes];
        forms.into_iter().find(|form| length <= form.most()).unwrap_or(LengthForm::EightBytes)
    }

    /// The largest length that it holds.
    pub fn most(self) -> u64 {
        match self {
            LengthForm::InHeader => 125,
            LengthForm::TwoBytes => 0xffff,
            LengthForm::EightBytes => u64::MAX,
        }
    }
}
