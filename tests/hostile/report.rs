//! The table of cases with what happened, as Markdown. It judges nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::case::{Happened, MEMORY};

/// Prints the table with times and memory, and leaves it with cargo's other files.
pub fn print(happened: &[Happened]) {
    let columns = ["", "case", "took", "peak memory", "exit code", "verdict"];
    let mut page = String::new();
    row(&mut page, &columns.map(str::to_owned));
    row(&mut page, &columns.map(|_| "---".to_owned()));
    for (number, case) in happened.iter().enumerate() {
        row(
            &mut page,
            &[
                (number + 1).to_string(),
                format!("{}: {}", case.subject, case.name),
                format!("{} ms", case.took.as_millis()),
                format!("{:.1} MiB", case.peak as f64 / f64::from(1 << 20)),
                case.exit.map_or("none".into(), |code| code.to_string()),
                if case.wrong.is_none() { "as wanted" } else { "wrong" }.into(),
            ],
        );
    }
    println!("{page}");
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile.md"), page).unwrap();
}

/// Compares the table, without what differs from run to run, with the one that is kept.
pub fn compare(happened: &[Happened]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/RESULTS.md");
    let page = page(happened);
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(path, page).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differ = kept.lines().zip(page.lines()).find(|(kept, made)| kept != made);
    assert!(
        kept == page,
        "tests/hostile/RESULTS.md is not what happened, first {differ:#?}; \
         UPDATE=1 cargo test --test hostile writes it anew"
    );
}

fn page(happened: &[Happened]) -> String {
    let mut page = format!(
        "# What a hostile server can do, and how wspipe takes it\n\n\
         Made by `UPDATE=1 cargo test --test hostile`; {} cases. Each ended by itself, with at most {} MiB of \
         memory in a build without optimisation, and every one with `-m 20s` beside what is named here. The \
         first line on stderr is shown, and stdout with its escapes.\n",
        happened.len(),
        MEMORY >> 20,
    );
    let mut subject = "";
    for (number, case) in happened.iter().enumerate() {
        if case.subject != subject {
            subject = case.subject;
            let columns = ["", "the server", "RFC", "wspipe", "exit code", "stderr", "stdout"];
            write!(page, "\n## {}\n\n", capitalised(subject)).unwrap();
            row(&mut page, &columns.map(str::to_owned));
            row(&mut page, &columns.map(|_| "---".to_owned()));
        }
        row(
            &mut page,
            &[
                (number + 1).to_string(),
                case.name.clone(),
                case.rfc.to_owned(),
                code(&case.command),
                case.exit.map_or("none".into(), |code| code.to_string()),
                code(&case.said),
                code(&case.printed),
            ],
        );
    }
    page
}

fn row(page: &mut String, cells: &[String]) {
    writeln!(page, "| {} |", cells.join(" | ")).unwrap();
}

fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("`{}`", text.replace('`', "'").replace('|', "\\|")),
    }
}

fn capitalised(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}
