//! What filters may use: jq's language without what reaches beyond the message. There is no input but the
//! message, no environment, clock, file or output, and no way to end the program. Dates and the rarer
//! functions of mathematics are left out for their size.

use jaq_core::load::parse::Def;
use jaq_core::native::{Filter, Fun, bome, run, v};
use jaq_core::{Cv, Exn, RunPtr, ValX};
use jaq_json::{Error, Val};
use jaq_std::ValT as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use regex::bytes::{Captures, Regex, RegexBuilder};

use super::steps::{self, Language};
use crate::codec::{Codec, Decoding};
use crate::record;

/// jq's names for what is not there.
pub const LEFT_OUT: &[&str] = &[
    "debug",
    "env",
    "fromdate",
    "fromdateiso8601",
    "gmtime",
    "halt",
    "halt_error",
    "input",
    "input_filename",
    "input_line_number",
    "inputs",
    "localtime",
    "mktime",
    "now",
    "stderr",
    "strflocaltime",
    "strftime",
    "strptime",
    "todate",
    "todateiso8601",
];

/// Definitions that stand on functions that are not there.
const UNFOUNDED: &[&str] =
    &["@html", "@htmld", "drem", "gamma", "logb", "nexttoward", "scalb", "significand"];

/// Functions of jaq that are ours here: jaq's reads as deep as the message goes, and never ends.
const OURS: &[&str] = &["fromjson", "range"];

/// What RFC 3986 section 2.3 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is defined in the language itself.
pub fn definitions() -> impl Iterator<Item = Def> {
    jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs())
        .filter(|def| !LEFT_OUT.contains(&def.name) && !UNFOUNDED.contains(&def.name))
        .map(steps::counted)
}

/// What is defined in Rust.
pub fn functions() -> impl Iterator<Item = Fun<Language>> {
    jaq_core::funs::<Language>()
        .chain(jaq_std::base_funs())
        .chain(jaq_json::funs())
        .filter(|(name, ..)| !LEFT_OUT.contains(name) && !OURS.contains(name))
        .chain(ours().into_iter().chain(mathematics()).map(run::<Language>))
        .chain(steps::functions())
}

fn ours() -> Vec<Filter<RunPtr<Language>>> {
    vec![
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("range", v(3), |mut cv| {
            let [by, to, from] = [cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var()];
            let run = *cv.0.data();
            Box::new(range(from, to, by, move || run.spend()))
        }),
        ("encode_base64", v(0), |cv| {
            bome(cv.1.try_as_utf8_bytes().map(|bytes| record::base64(bytes).into()))
        }),
        ("decode_base64", v(0), |cv| bome(from_base64(&cv.1))),
        ("encode_uri", v(0), |cv| {
            let encode = |bytes| percent_encode(bytes, RESERVED).to_string();
            bome(cv.1.try_as_utf8_bytes().map(|bytes| encode(bytes).into()))
        }),
        ("decode_uri", v(0), |cv| {
            let decode = |bytes| percent_decode(bytes).collect::<Vec<u8>>();
            bome(cv.1.try_as_utf8_bytes().map(|bytes| Val::from_utf8_bytes(decode(bytes))))
        }),
        ("matches", v(2), |cv| bome(matched(cv, false, true))),
        ("split_matches", v(2), |cv| bome(matched(cv, true, true))),
        ("split_", v(2), |cv| bome(matched(cv, true, false))),
    ]
}

fn mathematics() -> Vec<Filter<RunPtr<Language>>> {
    macro_rules! of_one {
        ($($name:ident $function:ident)*) => {
            vec![$((stringify!($name), v(0), |cv| bome(number(&cv.1).map(|x| x.$function().into())))),*]
        };
    }
    let mut functions: Vec<Filter<RunPtr<Language>>> = of_one!(
        acos acos asin asin atan atan cbrt cbrt cos cos exp exp exp2 exp2 fabs abs log ln log10 log10
        log2 log2 sin sin sqrt sqrt tan tan trunc trunc
    );
    functions.push(("exp10", v(0), |cv| bome(number(&cv.1).map(|x| 10f64.powf(x).into()))));
    functions.push(("pow", v(2), |mut cv| {
        let [exponent, base] = [cv.0.pop_var(), cv.0.pop_var()];
        bome(number(&base).and_then(|x| Ok(x.powf(number(&exponent)?).into())))
    }));
    functions
}

fn number(value: &Val) -> Result<f64, Error> {
    value.as_f64().ok_or_else(|| Error::typ(value.clone(), "number"))
}

fn from_json(text: &Val) -> Result<Val, Error> {
    super::value(text.try_as_utf8_bytes()?).map_err(Error::str)
}

fn from_base64(text: &Val) -> Result<Val, Error> {
    let (mut decoding, mut bytes) = (Decoding::new(Codec::Base64), Vec::new());
    decoding
        .push(text.try_as_utf8_bytes()?, &mut bytes)
        .and_then(|()| decoding.finish(&mut bytes))
        .map_err(|bad| Error::str(format_args!("{} at byte {}", bad.what, bad.byte)))?;
    Ok(Val::from_utf8_bytes(bytes))
}

/// The numbers from one to another, each of which is a step.
fn range<'a>(
    from: Val,
    to: Val,
    by: Val,
    spend: impl Fn() -> Result<(), Exn<'a, Val>>,
) -> impl Iterator<Item = ValX<'a, Val>> {
    let mut next = Some(Ok(from));
    let way = by.cmp(&Val::from(0usize));
    std::iter::from_fn(move || {
        let at = match next.take()? {
            Ok(at) => at,
            Err(error) => return Some(Err(error)),
        };
        if at == to || !way.is_eq() && at.cmp(&to) == way {
            return None;
        }
        if let Err(stop) = spend() {
            return Some(Err(stop));
        }
        next = Some((at.clone() + by.clone()).map_err(Exn::from));
        Some(Ok(at))
    })
}

/// What matches a regular expression, and what stands between.
fn matched(mut cv: Cv<Language>, between: bool, matches: bool) -> Result<Val, Error> {
    let [flags, pattern] = [cv.0.pop_var(), cv.0.pop_var()];
    let text = cv.1.try_as_utf8_bytes()?;
    let Flags { regex, global, filled } = Flags::new(&pattern, &flags)?;
    let (mut parts, mut end) = (Vec::new(), 0);
    let mut place = Place::default();
    for captures in regex.captures_iter(text) {
        let whole = captures.get_match();
        if filled && whole.is_empty() {
            continue;
        }
        if between {
            parts.push(cv.1.as_sub_str(&text[end..whole.start()]));
            end = whole.end();
        }
        if matches {
            parts.push(groups(&cv.1, text, &regex, &captures, &mut place));
        }
        if !global {
            break;
        }
    }
    if between {
        parts.push(cv.1.as_sub_str(&text[end..]));
    }
    Ok(parts.into_iter().collect())
}

/// What a match and its groups have caught.
fn groups(value: &Val, text: &[u8], regex: &Regex, captures: &Captures, place: &mut Place) -> Val {
    let groups = captures.iter().zip(regex.capture_names());
    let caught = groups.filter_map(|(group, name)| {
        let group = group?;
        let field = |name: &str, value: Val| (Val::from(name.to_owned()), value);
        let name = name.map(|name| field("name", name.to_owned().into()));
        let fields = [
            field("offset", place.of(text, group.start()).into()),
            field("length", characters(group.as_bytes()).into()),
            field("string", value.as_sub_str(group.as_bytes())),
        ];
        Some(Val::obj(fields.into_iter().chain(name).collect()))
    });
    caught.collect()
}

fn characters(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).chars().count()
}

/// How many characters stand before a byte, counted on from the last such place.
#[derive(Debug, Default)]
struct Place {
    byte: usize,
    character: usize,
}

impl Place {
    fn of(&mut self, text: &[u8], byte: usize) -> usize {
        // Groups of one match may go back.
        if byte < self.byte {
            return self.character - characters(&text[byte..self.byte]);
        }
        self.character += characters(&text[self.byte..byte]);
        self.byte = byte;
        self.character
    }
}

/// A regular expression with jq's flags.
struct Flags {
    regex: Regex,
    /// All matches, not only the first.
    global: bool,
    /// No empty ones.
    filled: bool,
}

impl Flags {
    fn new(pattern: &Val, flags: &Val) -> Result<Self, Error> {
        let text =
            |value: &Val| Ok(String::from_utf8_lossy(value.try_as_utf8_bytes()?).into_owned());
        let mut builder = RegexBuilder::new(&text(pattern)?);
        let (mut global, mut filled) = (false, false);
        for flag in text(flags)?.chars() {
            match flag {
                'g' => global = true,
                'n' => filled = true,
                'i' => _ = builder.case_insensitive(true),
                'x' => _ = builder.ignore_whitespace(true),
                's' => _ = builder.dot_matches_new_line(true),
                'm' => _ = builder.multi_line(true),
                'p' => _ = builder.multi_line(true).dot_matches_new_line(true),
                'l' => _ = builder.swap_greed(true),
                _ => return Err(Error::str(format_args!("{flag} is no flag of a regex"))),
            }
        }
        let regex = builder.build().map_err(Error::str)?;
        Ok(Flags { regex, global, filled })
    }
}
