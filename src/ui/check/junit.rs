//! JUnit's XML, as CI servers read it: a suite a file, a test case a step.

use std::io;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::scenario::{Explanation, Played, StepDone, StepEnd, Tally};

/// All scenarios as one document.
///
/// # Errors
/// Those of writing into memory: none.
pub fn junit(played: &[Played]) -> io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(quick_xml::events::Event::Decl(quick_xml::events::BytesDecl::new(
        "1.0",
        Some("UTF-8"),
        None,
    )))?;
    let sum = played.iter().fold(Tally::default(), |sum, one| sum.with(one.tally()));
    let time: f64 = played.iter().map(|one| one.took.as_secs_f64()).sum();
    xml.create_element("testsuites")
        .with_attribute(("name", "wspipe check"))
        .with_attributes(borrowed(&counts(sum, time)))
        .write_inner_content(|xml| played.iter().try_for_each(|one| suite(xml, one)))?;
    let mut document = xml.into_inner();
    document.push(b'\n');
    Ok(document)
}

type Attributes = Vec<(&'static str, String)>;

fn counts(tally: Tally, time: f64) -> Attributes {
    vec![
        ("tests", tally.all().to_string()),
        ("failures", tally.failed.to_string()),
        ("errors", tally.errors.to_string()),
        ("skipped", tally.not_run.to_string()),
        ("time", format!("{time:.6}")),
    ]
}

fn borrowed<'a>(
    attributes: &'a [(&'static str, String)],
) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
    attributes.iter().map(|(name, value)| (*name, value.as_str()))
}

fn suite(xml: &mut Writer<Vec<u8>>, played: &Played) -> io::Result<()> {
    let name = match &played.name {
        Some(name) => format!("{}: {name}", played.file),
        None => played.file.clone(),
    };
    xml.create_element("testsuite")
        .with_attribute(("name", allowed(&name).as_str()))
        .with_attributes(borrowed(&counts(played.tally(), played.took.as_secs_f64())))
        .write_inner_content(|xml| {
            played.steps.iter().try_for_each(|step| case(xml, &played.file, step))
        })?;
    Ok(())
}

fn case(xml: &mut Writer<Vec<u8>>, file: &str, step: &StepDone) -> io::Result<()> {
    let attributes = [
        ("name", allowed(&format!("line {}: {}", step.line, step.what))),
        ("classname", allowed(file)),
        ("file", allowed(file)),
        ("line", step.line.to_string()),
        ("time", format!("{:.6}", step.took.as_secs_f64())),
    ];
    let case = xml.create_element("testcase").with_attributes(borrowed(&attributes));
    match &step.end {
        StepEnd::Passed => case.write_empty()?,
        StepEnd::NotRun => case.write_inner_content(|xml| {
            xml.create_element("skipped").write_empty()?;
            Ok(())
        })?,
        StepEnd::Failed(explanation) => {
            case.write_inner_content(|xml| broken(xml, "failure", explanation))?
        }
        StepEnd::Error(explanation) => {
            case.write_inner_content(|xml| broken(xml, "error", explanation))?
        }
    };
    Ok(())
}

fn broken(xml: &mut Writer<Vec<u8>>, element: &str, explanation: &Explanation) -> io::Result<()> {
    let message = explanation.why.first().map(String::as_str).unwrap_or_default();
    let lines: Vec<_> = explanation.lines().collect();
    xml.create_element(element)
        .with_attribute(("message", allowed(message).as_str()))
        .write_text_content(BytesText::new(&allowed(&lines.join("\n"))))?;
    Ok(())
}

/// Text without the characters that XML 1.0 cannot have.
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}
