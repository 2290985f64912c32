//! The benchmark: `cargo bench`, or `cargo bench -- --quick` for two minutes of it.
//!
//! Every program does each job in turn, several times over, and medians are compared: wspipe, the
//! programs that people use today, a client written by hand (the yardstick), and a plain copy of
//! the same bytes. `tests/bench/README.md` says how to read what it prints.

mod clock;
mod deflate;
mod growth;
mod json;
mod latency;
mod link;
mod memory;
mod pattern;
mod process;
mod rows;
mod server;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod tls;
mod tools;
mod yardstick;

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::rows::Over;
use crate::server::Server;
use crate::tls::Tls;
use crate::tools::Tool;

/// What is to be measured, and with what.
pub struct Bench {
    /// The programs.
    pub tools: Vec<Tool>,
    /// The far side.
    server: Server,
    /// The same behind TLS.
    tls_server: Server,
    /// Where files are made.
    pub folder: tempfile::TempDir,
    /// Whether two minutes must do.
    pub quick: bool,
    /// Only rows with this in their name.
    pub filter: String,
    /// How often each program does each job.
    pub repeats: usize,
}

impl Bench {
    /// The programs, from first to last and back again: who comes first finds caches cold that it
    /// warms for the next.
    pub fn in_turn(&self, round: usize) -> Vec<&Tool> {
        let mut tools: Vec<_> = self.tools.iter().collect();
        if round % 2 == 1 {
            tools.reverse();
        }
        tools
    }

    /// The far side that is reached over this.
    pub fn server(&self, over: Over) -> &Server {
        match over {
            Over::Tcp => &self.server,
            Over::Tls => &self.tls_server,
        }
    }

    /// Whether a row is asked for.
    pub fn wants(&self, name: &str) -> bool {
        name.contains(&self.filter)
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["measure", report, ..] => process::measure(report, &arguments[2..]),
        ["connect", url] => Ok(yardstick::connect(url, None)?),
        ["connect", url, chunk] => Ok(yardstick::connect(url, Some(chunk.parse()?))?),
        ["listen", url, kind] => Ok(yardstick::listen(url, kind == "text")?),
        ["copy-in", url] => Ok(yardstick::copy(url, false)?),
        ["copy-out", url] => Ok(yardstick::copy(url, true)?),
        _ => bench(&words),
    }
}

fn bench(words: &[&str]) -> anyhow::Result<()> {
    let (mut quick, mut filter, mut only, mut save) = (false, String::new(), None, None);
    let mut repeats = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match *word {
            // cargo adds it.
            "--bench" => {}
            "--quick" => quick = true,
            "--rows" => filter = value()?.to_string(),
            "--tools" => only = Some(value()?.to_string()),
            "--repeats" => repeats = Some(value()?.parse()?),
            "--save" => save = Some(PathBuf::from(value()?)),
            _ => bail!(
                "unknown argument {word}; there are --quick, --rows TEXT, --tools NAME[,NAME], \
                 --repeats N, --save FILE"
            ),
        }
    }
    let (mut tools, missing) = tools::find()?;
    if !missing.is_empty() {
        let missing = missing.join(", ");
        if !quick && only.is_none() {
            bail!(
                "not found: {missing}\ninstall them with tests/bench/install-peers and set {} to the \
                 folder bin it makes, or compare with fewer by --quick or --tools",
                tools::FOLDER
            );
        }
        eprintln!("not found, left out: {missing}");
    }
    if let Some(only) = only {
        tools.retain(|tool| only.split(',').any(|name| name == tool.name.shown()));
    }
    let bench = Bench {
        tools,
        server: Server::start(None)?,
        tls_server: Server::start(Some(Tls::new()?))?,
        folder: tempfile::tempdir()?,
        quick,
        filter,
        repeats: repeats.unwrap_or(if quick { 2 } else { 6 }),
    };
    let parts = [
        table::conditions(&bench),
        streams::table(&bench)?,
        latency::table(&bench)?,
        memory::table(&bench)?,
        growth::table(&bench)?,
    ];
    let page = parts.join("\n");
    println!("{page}");
    if let Some(path) = save {
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
