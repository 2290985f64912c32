//! Tables of what was measured, as Markdown. They judge nothing.

use std::any::Any;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

pub struct Table<'a> {
    pub columns: &'a [&'a str],
    /// Those that have numbers in them.
    pub numbers: Range<usize>,
}

impl Table<'_> {
    /// Leaves it with cargo's other files, and with UPDATE beside the tests.
    pub fn write(&self, name: &str, about: &str, rows: impl Iterator<Item = Vec<String>>) {
        let mut page = about.to_owned();
        row(&mut page, &self.columns.iter().map(|name| name.to_string()).collect::<Vec<_>>());
        let rule = |(at, _)| if self.numbers.contains(&at) { "--:" } else { "---" }.to_owned();
        row(&mut page, &self.columns.iter().enumerate().map(rule).collect::<Vec<_>>());
        rows.for_each(|cells| row(&mut page, &cells));
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), &page).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/long");
            fs::write(folder.join(name), page).unwrap();
        }
    }
}

fn row(page: &mut String, cells: &[String]) {
    writeln!(page, "| {} |", cells.join(" | ").replace('\n', " ")).unwrap();
}

/// Whether this one is to be made: `WSPIPE_LONG_ONLY` is a part of its name.
pub fn is_asked_for(name: &str) -> bool {
    std::env::var("WSPIPE_LONG_ONLY").map_or(true, |part| name.contains(&part))
}

/// When, with what and on what.
pub fn conditions() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + now);
    // "Mon, 23 Nov 2026 18:00:00 GMT"
    let date = date[5..16].trim_start_matches('0').to_owned();
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    let system = said("uname", &["-sr"]).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "on {date}: wspipe at {commit}, {cores} cores, {system}, both sides on the same machine over loopback"
    )
}

pub fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// What a panic said.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let owned = panic.downcast_ref::<String>().cloned();
    owned.or(panic.downcast_ref::<&str>().map(|text| text.to_string())).unwrap_or_default()
}
