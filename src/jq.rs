//! jq filters on messages: a filter is read once, and then says what each message comes to. The language
//! is jaq's. What a filter may use is in `language`, how far it may go in `steps`; when a filter is
//! asked, and what its answer means, is decided elsewhere.

mod fault;
mod language;
mod steps;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars};
use jaq_json::{Val, read};
use serde::de::IgnoredAny;
use thiserror::Error;

pub use fault::Fault;
pub use steps::Stop;
use steps::{Language, Run};

/// Objects and arrays within each other that are read. Much of jaq goes one step deeper into our stack
/// for each of them.
const DEEPEST: usize = 512;
/// Digits in a row that are read: large integers are kept digit by digit, and read in quadratic time.
const MOST_DIGITS: usize = 1000;
/// Bytes of a message of jaq that are shown: it may contain the whole value.
const MOST_SHOWN: usize = 256;

/// A filter.
#[derive(Clone)]
pub struct Filter {
    source: Arc<str>,
    compiled: Arc<jaq_core::Filter<Language>>,
}

/// What a filter says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the last result is neither false nor null.
    pub holds: bool,
    /// The beginning of that result, for people.
    pub shown: Option<String>,
}

/// Why a filter has no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Failed {
    /// It was not asked: what it was to look at is no JSON.
    #[error("no JSON: {0}")]
    Input(String),
    /// It ended with an error of its own.
    #[error("the filter failed: {0}")]
    Filter(String),
    /// It was ended.
    #[error("the filter {0}")]
    Stopped(Stop),
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.source).finish()
    }
}

impl Filter {
    /// Reads a filter that may use `variables`, named without their `$`.
    ///
    /// # Errors
    /// The first mistake, and where it is.
    pub fn parse(source: &str, variables: &[String]) -> Result<Filter, Fault> {
        let counted = steps::Counted::new(source)?;
        let arena = Arena::default();
        let program = File { code: counted.code(), path: () };
        let modules = Loader::new(language::definitions())
            .load(&arena, program)
            .map_err(|errors| counted.fault(fault::loading(counted.code(), errors)))?;
        load::import(&modules, |_| Err("no file is read".into()))
            .map_err(|errors| counted.fault(fault::loading(counted.code(), errors)))?;
        let names: Vec<String> = variables.iter().map(|name| format!("${name}")).collect();
        let compiled = Compiler::default()
            .with_funs(language::functions())
            .with_global_vars(names.iter().map(String::as_str))
            .compile(modules)
            .map_err(|errors| counted.fault(fault::compiling(counted.code(), errors)))?;
        Ok(Filter { source: source.into(), compiled: Arc::new(compiled) })
    }

    /// What was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The last result on one line, if there is one. `values` are the JSON texts of the variables, in the
    /// order of their names.
    ///
    /// # Errors
    /// The input is no JSON, or the filter fails.
    pub fn last(&self, input: &[u8], values: &[String]) -> Result<Option<String>, Failed> {
        let Some(value) = self.run(input, values)? else { return Ok(None) };
        let text = value.to_string();
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => Ok(Some(text)),
            // Such as the result of 0 / 0.
            Err(_) => Err(Failed::Filter(format!("its result is no JSON: {}", shown(&text)))),
        }
    }

    /// The same as [`Filter::holds`], with what it was that was judged.
    ///
    /// # Errors
    /// As [`Filter::last`].
    pub fn verdict(&self, input: &[u8], values: &[String]) -> Result<Verdict, Failed> {
        let last = self.run(input, values)?;
        Ok(Verdict { holds: is_true(last.as_ref()), shown: last.as_ref().map(shown) })
    }

    /// Whether the last result is neither false nor null; no result is not enough.
    ///
    /// # Errors
    /// As [`Filter::last`].
    pub fn holds(&self, input: &[u8], values: &[String]) -> Result<bool, Failed> {
        Ok(is_true(self.run(input, values)?.as_ref()))
    }

    fn run(&self, input: &[u8], values: &[String]) -> Result<Option<Val>, Failed> {
        let input = value(input)?;
        let values =
            values.iter().map(|text| value(text.as_bytes())).collect::<Result<Vec<_>, _>>()?;
        let steps = steps::Steps::new();
        let run = Run::new(&self.compiled.lut, &steps);
        let context = Ctx::<Language>::new(run, Vars::new(values));
        let mut last = None;
        for result in self.compiled.id.run((context, input)) {
            let failed = |error| match Stop::of(error) {
                Ok(stop) => Failed::Stopped(stop),
                Err(error) => Failed::Filter(shown(&error)),
            };
            last = Some(result.map_err(failed)?);
            steps.spend().map_err(Failed::Stopped)?;
        }
        Ok(last)
    }
}

fn is_true(result: Option<&Val>) -> bool {
    !matches!(result, None | Some(Val::Null | Val::Bool(false)))
}

/// Reads JSON as it is defined (RFC 8259): jaq takes more, such as NaN and comments.
fn value(text: &[u8]) -> Result<Val, Failed> {
    let text = str::from_utf8(text).map_err(|error| Failed::Input(error.to_string()))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| Failed::Input(error.to_string()))?;
    bounded(text.as_bytes()).map_err(Failed::Input)?;
    read::parse_single(text.as_bytes()).map_err(|error| Failed::Input(error.to_string()))
}

/// Whether JSON neither goes deeper nor has longer numbers than can be read.
fn bounded(json: &[u8]) -> Result<(), String> {
    let (mut depth, mut digits) = (0usize, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        if quoted {
            quoted = *byte != b'"' || escaped;
            escaped = *byte == b'\\' && !escaped;
            continue;
        }
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(format!("nested more than {DEEPEST} deep"));
        }
        if digits > MOST_DIGITS {
            return Err(format!("a number has more than {MOST_DIGITS} digits"));
        }
    }
    Ok(())
}

/// The beginning of what may be very long.
fn shown(long: &impl fmt::Display) -> String {
    struct Beginning(String);
    impl fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = MOST_SHOWN - self.0.len();
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            self.0.push_str(&text[..text.floor_char_boundary(room)]);
            Err(fmt::Error)
        }
    }
    let mut beginning = Beginning(String::new());
    match write!(beginning, "{long}") {
        Ok(()) => beginning.0,
        Err(_) => beginning.0 + "…",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    fn last(source: &str, input: &str) -> Result<Option<String>, Failed> {
        let filter = Filter::parse(source, &[]).unwrap_or_else(|fault| panic!("{source}: {fault}"));
        filter.last(input.as_bytes(), &[])
    }

    #[test]
    fn the_last_result_counts() {
        let cases = [
            (
                ".",
                r#" {"b": 1.10, "a": [1E+400, -0, 12345678901234567890.5]} "#,
                Some(r#"{"b":1.10,"a":[1E+400,0,12345678901234567890.5]}"#),
            ),
            (".", "12345678901234567890123", Some("12345678901234567890123")),
            (".", r#""\u00e4\n\/""#, Some(r#""ä\n/""#)),
            (".a", r#"{"a":null}"#, Some("null")),
            (".[]", "[1,2,3]", Some("3")),
            (".[]", "[]", None),
            ("empty", "1", None),
            (".a.b // \"none\"", "{}", Some("\"none\"")),
            (".auth.token", r#"{"auth":{"token":"t"}}"#, Some("\"t\"")),
            ("def f(x): x * 2; f(.n)", r#"{"n":21}"#, Some("42")),
            ("[limit(3; repeat(1))] | length", "0", Some("3")),
            ("[range(5)], [range(5; 0; -2)]", "0", Some("[5,3,1]")),
            ("[range(0; 3; 0.5)] | length", "0", Some("6")),
            ("[.[] | test(\"^a\"; \"i\")]", r#"["Abc","bc"]"#, Some("[true,false]")),
            (
                "capture(\"(?<y>\\\\d+)-(?<m>\\\\d+)\")",
                "\"2026-11\"",
                Some(r#"{"y":"2026","m":"11"}"#),
            ),
            ("[match(\"b\"; \"g\").offset]", "\"äbxb\"", Some("[1,3]")),
            ("[scan(\"..\")]", "\"abcd\"", Some(r#"["ab","cd"]"#)),
            ("gsub(\"a(?<x>.)\"; .x)", "\"abac\"", Some("\"bc\"")),
            ("[splits(\", *\")]", "\"a, b,c\"", Some(r#"["a","b","c"]"#)),
            ("@base64, @base64d", "\"aGk=\"", Some("\"hi\"")),
            ("@uri, (@uri | @urid)", "\"a b/ä\"", Some("\"a b/ä\"")),
            ("@uri", "\"a b/ä~\"", Some("\"a%20b%2F%C3%A4~\"")),
            ("fromjson.a", r#""{\"a\":[1]}""#, Some("[1]")),
            ("pow(2; 10), sqrt", "16", Some("4.0")),
            ("to_entries[0].key", r#"{"k":1}"#, Some("\"k\"")),
            ("path(..)", "[[1]]", Some("[0,0]")),
            ("walk(if type == \"number\" then . + 1 end)", "[1,[2]]", Some("[2,[3]]")),
            ("map_values(. + 1) | add", r#"{"a":1,"b":2}"#, Some("5")),
            ("\"\\(.a)!\"", r#"{"a":1}"#, Some("\"1!\"")),
            ("def f: def g: . + 1; g | g; f", "1", Some("3")),
            ("{def: 1}.def", "null", Some("1")),
            ("try error(\"x\") catch .", "1", Some("\"x\"")),
            ("[.[] | tonumber]", r#"["1","2.5"]"#, Some("[1,2.5]")),
        ];
        for (source, input, expected) in cases {
            assert_eq!(last(source, input), Ok(expected.map(str::to_owned)), "{source} on {input}");
        }
    }

    #[test]
    fn it_holds_when_the_last_result_is_neither_false_nor_null() {
        let cases = [
            (".a", r#"{"a":0}"#, true),
            (".a", r#"{"a":""}"#, true),
            (".a", r#"{"a":false}"#, false),
            (".a", "{}", false),
            ("empty", "{}", false),
            ("true, false", "{}", false),
            ("false, true", "{}", true),
        ];
        for (source, input, expected) in cases {
            let filter = Filter::parse(source, &[]).unwrap();
            assert_eq!(filter.holds(input.as_bytes(), &[]), Ok(expected), "{source} on {input}");
        }
    }

    #[test]
    fn variables_have_the_values_they_are_given() {
        let names = ["user".to_owned(), "n".to_owned()];
        let filter = Filter::parse(".user == $user and .n >= $n", &names).unwrap();
        let values = [r#""ada""#.to_owned(), "3".to_owned()];
        assert_eq!(filter.holds(br#"{"user":"ada","n":4}"#, &values), Ok(true));
        assert_eq!(filter.holds(br#"{"user":"bob","n":4}"#, &values), Ok(false));
        let unread = filter.holds(b"1", &["{".to_owned(), "3".to_owned()]);
        assert!(matches!(unread, Err(Failed::Input(_))));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let cases = [
            ("", 1, "expected term, not the end of the filter"),
            (".a |", 5, "expected term, not the end of the filter"),
            (".a == (1", 9, "expected closing parenthesis, not the end of the filter"),
            ("ä", 1, "\"ä\" has no meaning here"),
            (".a & .b", 4, "\"&\" has no meaning here"),
            ("\"ä\" | .a b", 10, "expected nothing, not \"b\""),
            ("foo", 1, "there is no function foo without arguments"),
            (".a | foo(1; 2)", 6, "there is no function foo with 2 arguments"),
            (". + $x", 5, "there is no variable $x"),
            ("$ENV.HOME", 1, "there is no variable $ENV"),
            (
                "env.HOME",
                1,
                "env is not there: a filter has the message, and no clock, dates, files or environment",
            ),
            ("import \"a\" as a; .", 9, "\"a\" cannot be loaded: a filter reads no files"),
            ("import \"a\" as $a; $a", 9, "\"a\" cannot be loaded: a filter reads no files"),
            ("def f: 1; def g: f; g | h", 25, "there is no function h without arguments"),
            ("def f: ; f", 8, "expected term, not \";\""),
            ("if . then 1", 12, "expected else or end, not the end of the filter"),
        ];
        for (source, column, message) in cases {
            let expected = Fault { message: message.to_owned(), column };
            assert_eq!(Filter::parse(source, &[]).unwrap_err(), expected, "{source}");
        }
        let deep = Filter::parse(&"[".repeat(100_000), &[]).unwrap_err();
        assert_eq!(deep.to_string(), "more than 64 brackets within each other (at character 65)");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let cases: [(&[u8], &str); 7] = [
            (b"", "no JSON: EOF while parsing a value at line 1 column 0"),
            (b"hello", "no JSON: expected value at line 1 column 1"),
            (b"[1] [2]", "no JSON: trailing characters at line 1 column 5"),
            (b"NaN", "no JSON: expected value at line 1 column 1"),
            (b"# a\n1", "no JSON: expected value at line 1 column 1"),
            (b"b\"a\"", "no JSON: expected value at line 1 column 1"),
            (b"\"\xff\"", "no JSON: invalid utf-8 sequence of 1 bytes from index 1"),
        ];
        for (input, expected) in cases {
            let failed = Filter::parse(".", &[]).unwrap().last(input, &[]).unwrap_err();
            assert_eq!(failed.to_string(), expected);
        }
    }

    #[test]
    fn a_filter_that_fails_says_why() {
        let cases = [
            (".a", "[1]", "the filter failed: cannot index [1] with \"a\""),
            ("error", "\"no\"", "the filter failed: \"no\""),
            ("0 / 0", "1", "the filter failed: its result is no JSON: NaN"),
            ("test(\"(\")", "\"a\"", "the filter failed: "),
            ("fromjson", "\"{\"", "the filter failed: \"no JSON: EOF"),
        ];
        for (source, input, expected) in cases {
            let failed = last(source, input).unwrap_err().to_string();
            assert!(failed.starts_with(expected), "{source}: {failed}");
        }
        let long = format!("[\"{}\"]", "ä".repeat(1 << 20));
        let failed = last(".a", &long).unwrap_err().to_string();
        assert!(failed.len() < 300 && failed.ends_with('…'), "{failed}");
    }

    #[test]
    fn neither_message_nor_filter_can_be_too_much() {
        with_much_stack(too_much_is_refused);
    }

    /// Does it with as much stack as the main thread has.
    fn with_much_stack(work: impl FnOnce() + Send + 'static) {
        let thread = std::thread::Builder::new().stack_size(8 << 20);
        thread.spawn(work).unwrap().join().unwrap();
    }

    fn too_much_is_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for source in [
            ".",
            "..",
            "[..] | length",
            "walk(.)",
            "tojson",
            "flatten",
            ". == [.]",
            "[paths] | length",
        ] {
            assert!(last(source, &nested(DEEPEST)).is_ok(), "{source}");
            let failed = last(source, &nested(100_000)).unwrap_err();
            assert_eq!(failed.to_string(), "no JSON: nested more than 512 deep");
        }
        let within = serde_json::to_string(&nested(100_000)).unwrap();
        let failed = last("fromjson", &within).unwrap_err().to_string();
        assert_eq!(failed, "the filter failed: \"no JSON: nested more than 512 deep\"");
        let failed = last(".", &"1".repeat(1 << 20)).unwrap_err().to_string();
        assert_eq!(failed, "no JSON: a number has more than 1000 digits");
        for source in [
            "repeat(1)",
            "last(repeat(1))",
            "[repeat(1)]",
            "until(false; .)",
            "def f: f; f",
            "range(0; 1; 0)",
            "last(range(1e18))",
            "\"\\(def f: f; f)\"",
            "def f(x): . + 0 | f(x); f(\"a\")",
            "def f($a; g): . + 0 | f($a; g + 1); f(1; 2)",
            "def f(x): def g: f(x); g; f(1)",
        ] {
            assert_eq!(last(source, "1"), Err(Failed::Stopped(Stop::Endless)), "{source}");
        }
        for source in
            ["def f: 1 + f; f", "def f: try f catch f; f", "def f: [f]; f", "def f: (f | f), 1; f"]
        {
            assert_eq!(last(source, "1"), Err(Failed::Stopped(Stop::TooDeep)), "{source}");
        }
        let factorial = "def f: if . <= 1 then 1 else . * (. - 1 | f) end; f";
        assert_eq!(last(factorial, "100").map(|result| result.is_some()), Ok(true));
    }

    /// Something that looks like a filter.
    fn filter() -> impl Strategy<Value = String> {
        const TOKENS: &str = r#".  .a  .[  [  ]  (  )  {  }  {a:1}  |  ,  ;  :  def f:  def f(x):  def f($x):
  f  f(1)  x  if  then  elif  else  end  try  catch  error  reduce  foreach  .[]  as  $x  [$x]  1  1e9  0.
  "a"  "  \(  "\(  )"  ..  ?  //  ?//  =  |=  +=  //=  +  -  *  /  %  ==  and  or  not  @base64  @x
  import "a" as a;  import "a" as $a;  include "a";  label $x |  break $x  range(3)  limit(1; f)  first(f)
  path(f)  input  $__loc__  halt  a::b  #  ä  test("a")  fromjson  __step  !empty  empty"#;
        let tokens: Vec<_> = TOKENS.split("  ").collect();
        proptest::collection::vec(proptest::sample::select(tokens), 0..12)
            .prop_map(|tokens| tokens.join(" "))
    }

    #[test]
    fn whatever_is_typed_is_a_filter_or_a_mistake_in_it() {
        let judged = |source: String| {
            match Filter::parse(&source, &[]) {
                Ok(filter) => _ = filter.last(br#"{"a":[1,"a"]}"#, &[]),
                Err(fault) => {
                    prop_assert!((1..=source.chars().count() + 1).contains(&fault.column))
                }
            }
            Ok(())
        };
        with_much_stack(move || TestRunner::default().run(&filter(), judged).unwrap());
    }
}
