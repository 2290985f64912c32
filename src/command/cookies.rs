//! Cookies that are read from files before a run, and written to one after it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::request::is_cookies;
use crate::cli::OpeningArgs;
use crate::failure::Failure;
use crate::handshake::{Jar, Location, Secret, Target};

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

    /// Writes the jar, if it is to be written; what is for stdout is handed back.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> Result<String, Failure> {
        let (Some(jar), Some(file)) = (&self.jar, &self.file) else { return Ok(String::new()) };
        let text = jar.to_netscape();
        if file == Path::new("-") {
            return Ok(text);
        }
        // It opens doors to others.
        let create =
            || File::options().write(true).create(true).truncate(true).mode(0o600).open(file);
        let written = create().and_then(|mut file| file.write_all(text.as_bytes()));
        let failed = |error: io::Error| Failure::Output { name: file.display().to_string(), error };
        written.map(|()| String::new()).map_err(failed)
    }
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
