//! The authorities that are trusted: those that were given, or the system's.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

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
    let (file, folder) = (options.ca_file.as_deref(), options.ca_folder.as_deref());
    if let Some(given) = file.or(folder) {
        return authorities(load_certs_from_paths(file, folder), given);
    }
    let system = system();
    let found = match &system {
        Some(file) => load_certs_from_paths(Some(file), None),
        None => load_native_certs(),
    };
    let shown = system.unwrap_or_else(|| PathBuf::from("the system's certificates"));
    Ok(Authorities { given: Vec::new(), ..authorities(found, &shown)? })
}

/// The system's file with all of them: reading it takes a tenth of the time that the folder with each
/// of them takes.
fn system() -> Option<PathBuf> {
    openssl_probe::probe().cert_file.filter(|file| file.is_file())
}

fn authorities(found: CertificateResult, from: &Path) -> Result<Authorities, TlsFault> {
    let wrong = |what: String| TlsFault::Authorities { file: from.to_owned(), what };
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(found.certs.iter().cloned());
    match found.errors.first() {
        Some(error) if added == 0 => Err(wrong(format!("cannot be used: {error}"))),
        None if added == 0 => Err(wrong("has no certificate that can be trusted".into())),
        _ => Ok(Authorities { store, given: found.certs }),
    }
}
