//! Frames made by hand: a record that says what each field of a frame is to be, right or wrong
//! (RFC 6455 section 5.2).

use serde_json::{Map, Value};

use super::{Command, Incoming, RecordError, payload, wrong};
use crate::wire::{Kind, LengthForm, Mask, RawFrame, opcode};

/// What to write where something else is no frame.
const EXAMPLE: &str = "a frame is such as {\"frame\":{\"fin\":false,\"opcode\":3},\"text\":\"hi\"}";
const NOT_TAKEN: &str = "add --raw-frames to send frames exactly as they stand";

/// Reads a record of a frame, if those are `taken`.
///
/// # Errors
/// What is wrong with it.
pub fn parse(record: &Incoming, taken: bool) -> Result<Command, RecordError> {
    if !taken {
        return Err(RecordError { hint: NOT_TAKEN, ..wrong("a frame, not a message") });
    }
    if let Some(kept) = record.kept {
        return Err(wrong(format!("only {kept} bytes of this frame's payload are in the record")));
    }
    frame(record).map(Command::Frame).map_err(|error| RecordError { hint: EXAMPLE, ..error })
}

/// A record with a frame says also that it is something else.
pub fn with_event(event: Option<&str>) -> RecordError {
    let event = event.unwrap_or_default();
    wrong(format!("both a frame and event {event:?}: a record with \"frame\" has no other event"))
}

fn frame(record: &Incoming) -> Result<RawFrame, RecordError> {
    let none = Map::new();
    let fields = match &record.frame {
        None => &none,
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(unexpected("frame", other, "a JSON object")),
    };
    let (natural, payload) = match payload(record)? {
        Some((Kind::Binary, bytes)) => (opcode::BINARY, bytes),
        Some((Kind::Text, bytes)) => (opcode::TEXT, bytes),
        None => (opcode::TEXT, Vec::new()),
    };
    let fin = if flag(fields, "fin")? { 0x80 } else { 0 };
    let rsv = number(fields, "rsv", 7)?.unwrap_or_default() as u8;
    let opcode = number(fields, "opcode", 15)?.map_or(natural, |opcode| opcode as u8);
    let key = record.mask_key.as_ref().map(mask_key).transpose()?;
    let mask = match (flag(fields, "mask")?, key) {
        (false, _) => Mask::Absent,
        (true, None) => Mask::Random,
        (true, Some(key)) => Mask::Key(key),
    };
    let length = number(fields, "length", u64::MAX)?.unwrap_or(payload.len() as u64);
    let length_form = length_form(fields, length)?;
    Ok(RawFrame { first: fin | rsv << 4 | opcode, mask, length, length_form, payload })
}

fn unexpected(name: &str, found: &Value, expected: &str) -> RecordError {
    let found = match found {
        Value::String(text) => format!("{text:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
        simple => simple.to_string(),
    };
    wrong(format!("{name} is {found}: expected {expected}"))
}

/// A field that is there, and not null.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A field that is true unless it says otherwise.
fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, RecordError> {
    let Some(value) = field(fields, name) else { return Ok(true) };
    value.as_bool().ok_or_else(|| unexpected(name, value, "true or false"))
}

fn number(fields: &Map<String, Value>, name: &str, most: u64) -> Result<Option<u64>, RecordError> {
    let Some(value) = field(fields, name) else { return Ok(None) };
    let number = value.as_u64().filter(|number| *number <= most);
    let error = || unexpected(name, value, &format!("a number from 0 to {most}"));
    number.map(Some).ok_or_else(error)
}

/// How a stated length is written.
fn length_form(fields: &Map<String, Value>, length: u64) -> Result<LengthForm, RecordError> {
    let Some(value) = field(fields, "length_bytes") else {
        return Ok(LengthForm::shortest(length));
    };
    let form = value.as_u64().and_then(LengthForm::of_bytes);
    let form = form.ok_or_else(|| unexpected("length_bytes", value, "0, 2 or 8"))?;
    if length > form.most() {
        let most = form.most();
        return Err(wrong(format!(
            "length {length} does not fit: length_bytes {value} holds at most {most}"
        )));
    }
    Ok(form)
}

fn mask_key(value: &Value) -> Result<[u8; 4], RecordError> {
    let digits = value.as_str().filter(|text| {
        // A sign would be taken for a part of a number.
        text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    let key = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let error = || unexpected("mask_key", value, "8 hex digits");
    key.map(u32::to_be_bytes).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use crate::record::{self, Side, Taken};
    use crate::wire::encode;

    const TAKEN: Taken = Taken { only_from: None, raw_frames: true, pongs: false };

    /// The bytes that a record becomes.
    fn bytes(line: &str) -> Vec<u8> {
        let Ok(Some(record::Command::Frame(frame))) = record::parse(line.as_bytes(), TAKEN) else {
            panic!("{line}: {:?}", record::parse(line.as_bytes(), TAKEN))
        };
        let mut out = Vec::new();
        encode::raw_frame(&mut out, &frame, [0, 0, 0, 1]);
        out
    }

    #[test]
    fn a_record_says_what_each_field_of_a_frame_is() {
        let cases: [(&str, &[u8]); 18] = [
            (r#"{"frame":{}}"#, b"\x81\x80\0\0\0\x01"),
            (r#"{"event":"frame"}"#, b"\x81\x80\0\0\0\x01"),
            (r#"{"frame":{"mask":false}}"#, b"\x81\0"),
            (r#"{"frame":{"mask":false},"text":"ab"}"#, b"\x81\x02ab"),
            (r#"{"frame":{"mask":false},"json":{ "a": 1 }}"#, b"\x81\x07{\"a\":1}"),
            (r#"{"frame":{"mask":false},"base64":"/w=="}"#, b"\x82\x01\xff"),
            (r#"{"frame":{"mask":false},"hex":"ff"}"#, b"\x82\x01\xff"),
            (r#"{"frame":{"mask":false,"opcode":1},"hex":"ff"}"#, b"\x81\x01\xff"),
            (r#"{"frame":{"mask":false,"fin":false,"rsv":1,"opcode":3}}"#, b"\x13\0"),
            (r#"{"frame":{"mask":false,"rsv":7,"opcode":15}}"#, b"\xff\0"),
            (r#"{"frame":{"mask":false,"length":5},"text":"a"}"#, b"\x81\x05a"),
            (r#"{"frame":{"mask":false,"length":126},"text":"a"}"#, b"\x81\x7e\0\x7ea"),
            (r#"{"frame":{"mask":false,"length":18446744073709551615}}"#, {
                b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"
            }),
            (r#"{"frame":{"mask":false,"length_bytes":2},"text":"a"}"#, b"\x81\x7e\0\x01a"),
            (r#"{"frame":{"mask":false,"length_bytes":8},"text":"a"}"#, {
                b"\x81\x7f\0\0\0\0\0\0\0\x01a"
            }),
            (r#"{"frame":{},"mask_key":"01020304","hex":"0000000000"}"#, {
                b"\x82\x85\x01\x02\x03\x04\x01\x02\x03\x04\x01"
            }),
            (r#"{"frame":{"mask":false},"mask_key":"01020304","hex":"00"}"#, b"\x82\x01\0"),
            (r#"{"frame":{"fin":null,"x":1,"mask":false},"y":2,"mask_key":null}"#, b"\x81\0"),
        ];
        for (line, expected) in cases {
            let got = bytes(line);
            assert!(got == expected, "{line}: {}", got.escape_ascii());
        }
    }

    #[test]
    fn a_record_of_a_trace_is_a_frame_of_the_side_that_is_asked_for() {
        let traced = r#"{"time":"T","event":"frame","from":"us","frame":{"fin":true,"rsv":4,"opcode":2,"mask":true,"length":9},"mask_key":"00000000","received":1,"inflated":3,"base64":"/w=="}"#;
        assert_eq!(bytes(traced), b"\xc2\x89\0\0\0\0\xff");
        let peers = Taken { only_from: Some(Side::Peer), ..TAKEN };
        assert_eq!(record::parse(traced.as_bytes(), peers), Ok(None));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let cases = [
            (r#"{"frame":5}"#, "frame is 5: expected a JSON object"),
            (r#"{"frame":["fin"]}"#, "frame is a list: expected a JSON object"),
            (r#"{"frame":{"fin":1}}"#, "fin is 1: expected true or false"),
            (r#"{"frame":{"mask":"no"}}"#, "mask is \"no\": expected true or false"),
            (r#"{"frame":{"rsv":9}}"#, "rsv is 9: expected a number from 0 to 7"),
            (r#"{"frame":{"rsv":-1}}"#, "rsv is -1: expected a number from 0 to 7"),
            (r#"{"frame":{"opcode":16}}"#, "opcode is 16: expected a number from 0 to 15"),
            (r#"{"frame":{"opcode":"text"}}"#, "opcode is \"text\": expected a number from 0"),
            (r#"{"frame":{"opcode":{}}}"#, "opcode is an object: expected a number from 0 to 15"),
            (r#"{"frame":{"length":1.5}}"#, "length is 1.5: expected a number from 0 to 184467"),
            (r#"{"frame":{"length":18446744073709551616}}"#, "length is 1.8446744073709552e+19: "),
            (r#"{"frame":{"length_bytes":4}}"#, "length_bytes is 4: expected 0, 2 or 8"),
            (r#"{"frame":{"length":126,"length_bytes":0}}"#, {
                "length 126 does not fit: length_bytes 0 holds at most 125"
            }),
            (r#"{"frame":{"length":65536,"length_bytes":2}}"#, {
                "length 65536 does not fit: length_bytes 2 holds at most 65535"
            }),
            (r#"{"frame":{},"mask_key":"abc"}"#, "mask_key is \"abc\": expected 8 hex digits"),
            (r#"{"frame":{},"mask_key":"+1234567"}"#, "mask_key is \"+1234567\": expected 8"),
            (r#"{"frame":{},"mask_key":1}"#, "mask_key is 1: expected 8 hex digits"),
            (r#"{"frame":{},"text":"a","hex":"00"}"#, "more than one of"),
            (r#"{"frame":{},"hex":"0"}"#, "hex: "),
            (r#"{"event":"ping","frame":{}}"#, "both a frame and event \"ping\""),
            (r#"{"event":"message","frame":{},"text":"a"}"#, "both a frame and event \"message\""),
        ];
        for (line, expected) in cases {
            let error = record::parse(line.as_bytes(), TAKEN).expect_err(line);
            assert!(error.what.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn a_frame_that_was_not_asked_for_says_how_to() {
        for line in [r#"{"frame":{"rsv":9}}"#, r#"{"event":"frame","text":"a"}"#] {
            let error = record::parse(line.as_bytes(), Taken::default()).expect_err(line);
            assert_eq!(error.what, "a frame, not a message");
            assert!(error.hint.contains("--raw-frames"), "{line}: {}", error.hint);
        }
    }
}
