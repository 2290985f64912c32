//! The authorities that are trusted: those that were given, or the system's.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use crate::failure::root_cause;
use crate::handshake::{TlsFault, TlsOptions};

/// The authorities, and the certificates that were given by hand, which are trusted as they are.
#[derive(Debug)]
pub struct Authorities {
    /// Those that may sign.
    pub store: RootCertStore,
    /// Those that were given.
    pub given: Vec<CertificateDer<'static>>,
}

/// Reads the authorities.
///
/// # Errors
/// A file that cannot be read, or has no certificate.
pub fn load(options: &TlsOptions) -> Result<Authorities, TlsFault> {
    let TlsOptions { ca_file, ca_folders, ca_by, .. } = options;
    if let Some(first) = ca_file.as_ref().or(ca_folders.first()) {
        if ca_by.is_none() {
            ca_file.iter().chain(ca_folders).try_for_each(|path| is_readable(path))?;
        }
        let file = ca_file.iter().map(|file| load_certs_from_paths(Some(file), None));
        let folders = ca_folders.iter().map(|folder| load_certs_from_paths(None, Some(folder)));
        return authorities(file.chain(folders), first, *ca_by);
    }
    let system = system();
    let found = match &system {
        Some(file) => load_certs_from_paths(Some(file), None),
        None => load_native_certs(),
    };
    let shown = system.unwrap_or_else(|| PathBuf::from("the system's certificates"));
    Ok(Authorities { given: Vec::new(), ..authorities([found], &shown, None)? })
}

/// What a flag names has to be there, whatever else is trusted; a variable may name what is not.
fn is_readable(path: &Path) -> Result<(), TlsFault> {
    let opened = File::open(path).map(drop);
    opened.map_err(|error| TlsFault::Authorities {
        file: path.to_owned(),
        by: None,
        what: format!("cannot be read: {}", root_cause(&error)),
    })
}

/// The system's file with all of them: reading it takes a tenth of the time that the folder with each
/// of them takes.
fn system() -> Option<PathBuf> {
    openssl_probe::probe().cert_file.filter(|file| file.is_file())
}

fn authorities(
    found: impl IntoIterator<Item = CertificateResult>,
    from: &Path,
    by: Option<&'static str>,
) -> Result<Authorities, TlsFault> {
    let wrong = |what: String| TlsFault::Authorities { file: from.to_owned(), by, what };
    let mut store = RootCertStore::empty();
    let (mut given, mut errors) = (Vec::new(), Vec::new());
    for found in found {
        given.extend(found.certs);
        errors.extend(found.errors);
    }
    let (added, _) = store.add_parsable_certificates(given.iter().cloned());
    match errors.first() {
        Some(error) if added == 0 => Err(wrong(format!("cannot be used: {error}"))),
        None if added == 0 => Err(wrong("has no certificate that can be trusted".into())),
        _ => Ok(Authorities { store, given }),
    }
}
