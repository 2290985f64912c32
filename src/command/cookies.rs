//! Cookies that are read from files before a run, and written to one after it.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::request::is_cookies;
use crate::cli::OpeningArgs;
use crate::failure::Failure;
use crate::handshake::{Jar, Location, Secret, Target};
use crate::session::private;

/// The cookies of a run.
#[derive(Debug, Default)]
pub struct Cookies {
    /// Those that are known, if there is a file to read or to write.
    pub jar: Option<Jar>,
    /// Where they are written at the end.
    file: Option<PathBuf>,
}

impl Cookies {
    /// Reads the files of `-b`; `file` is that of `-c`.
    ///
    /// # Errors
    /// One that cannot be read, or has something else than cookies.
    pub fn of(
        arguments: &OpeningArgs,
        file: Option<PathBuf>,
        target: Option<&Target>,
    ) -> Result<Cookies, Failure> {
        let location = match target {
            Some(Target::Server(location)) => Some(location),
            _ => None,
        };
        let given = arguments.cookies.iter().map(|Secret(given)| given.as_str());
        let files: Vec<_> = given.filter(|given| !is_cookies(given)).collect();
        let mut jar = (file.is_some() || !files.is_empty()).then(Jar::default);
        if let Some(jar) = &mut jar {
            // An empty name reads nothing, but keeps what servers set.
            for name in files.iter().filter(|name| !name.is_empty()) {
                read(jar, Path::new(name), file.as_deref(), location)?;
            }
        }
        Ok(Cookies { jar, file })
    }

    /// Writes the jar, if it is to be written; what is for stdout is handed back. A FIFO may have to be
    /// waited for.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn write(&self) -> Result<String, Failure> {
        let (Some(jar), Some(file)) = (&self.jar, &self.file) else { return Ok(String::new()) };
        let text = jar.to_netscape();
        if file == Path::new("-") {
            return Ok(text);
        }
        let path = file.clone();
        let written = tokio::task::spawn_blocking(move || replace(&path, text.as_bytes())).await;
        let failed = |error: io::Error| Failure::Output { name: file.display().to_string(), error };
        written.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)?;
        Ok(String::new())
    }
}

/// What cookies open is nobody else's to enter.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = private(path)?;
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    file.write_all(text)
}

fn read(
    jar: &mut Jar,
    file: &Path,
    written: Option<&Path>,
    location: Option<&Location>,
) -> Result<(), Failure> {
    let name = file.display().to_string();
    let text = match fs::read_to_string(file) {
        // It will be there after the first run.
        Err(error) if error.kind() == ErrorKind::NotFound && written == Some(file) => return Ok(()),
        text => text.map_err(|error| Failure::ReadInput { name: name.clone(), error })?,
    };
    jar.add(&text, location).map_err(|line| Failure::BadFile {
        what: format!("{name}, line {line}: not a cookie"),
        hint: "it is a file in the Netscape format, as -c writes, or with Set-Cookie headers",
    })
}
