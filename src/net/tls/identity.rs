//! Who we are: our certificate and its key.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::failure::root_cause;
use crate::handshake::TlsFault;

/// How a key in a form that is not read here is turned into one that is.
const DECRYPT: &str = "take the password off with: openssl pkey -in KEY -out plain.pem";
const TO_PEM: &str = "turn it into PEM: PKCS#12 with openssl pkcs12 -in FILE -nodes -out plain.pem; DER with openssl x509, or for a key openssl pkey, -in FILE -out plain.pem";

/// Shows who we are as somebody else would, and knows whether anybody wanted to know.
#[derive(Debug)]
pub struct Asked {
    shows: Arc<dyn ResolvesClientCert>,
    was: AtomicBool,
}

impl Asked {
    /// Takes the place of another one.
    pub fn instead_of(shows: &Arc<dyn ResolvesClientCert>) -> Arc<Asked> {
        Arc::new(Asked { shows: Arc::clone(shows), was: AtomicBool::new(false) })
    }

    /// Whether the other side has asked.
    pub fn was(&self) -> bool {
        self.was.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.was.store(true, Ordering::Relaxed);
        self.shows.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.shows.has_certs()
    }
}

/// Reads the certificate with those that have signed it, and the key, which may be in the same file.
///
/// # Errors
/// What is wrong with a file.
pub fn load(
    certificate: &Path,
    key: Option<&Path>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsFault> {
    if let Some((file, _)) = certificate.to_string_lossy().split_once(':')
        && !certificate.exists()
    {
        // curl's CERTIFICATE:PASSWORD, of which nothing is to be shown but the file.
        let what = "is given with a password, which is not taken here";
        return Err(wrong(Path::new(file), what, Some(DECRYPT)));
    }
    let bytes = read(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.map_err(|error| unreadable(certificate, &bytes, &error))?;
    if chain.is_empty() {
        return Err(nothing(certificate, &bytes, "no certificate", "-----BEGIN CERTIFICATE-----"));
    }
    let (key_file, bytes) = match key {
        Some(file) => (file, read(file)?),
        None => (certificate, bytes),
    };
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok((chain, key)),
        Err(pem::Error::NoItemsFound) => {
            Err(nothing(key_file, &bytes, "no private key", "-----BEGIN PRIVATE KEY-----"))
        }
        Err(error) => Err(unreadable(key_file, &bytes, &error)),
    }
}

/// What it means that the two cannot be used.
pub fn unusable(certificate: &Path, error: &rustls::Error) -> TlsFault {
    let what = match error {
        rustls::Error::InconsistentKeys(_) => "does not belong to the key".into(),
        error => format!("cannot be used: {error}"),
    };
    wrong(certificate, what, Some("the key of a certificate is given with --key FILE"))
}

fn read(file: &Path) -> Result<Vec<u8>, TlsFault> {
    std::fs::read(file)
        .map_err(|error| wrong(file, format!("cannot be read: {}", root_cause(&error)), None))
}

/// What it means that there is nothing of what was looked for.
fn nothing(file: &Path, bytes: &[u8], lacks: &str, begins: &str) -> TlsFault {
    in_another_form(file, bytes).unwrap_or_else(|| {
        let hint = format!("PEM is text with a line {begins}");
        wrong(file, format!("holds {lacks}"), Some(&hint))
    })
}

/// What an error of the reader means.
fn unreadable(file: &Path, bytes: &[u8], error: &pem::Error) -> TlsFault {
    in_another_form(file, bytes)
        .unwrap_or_else(|| wrong(file, format!("cannot be read as PEM: {error}"), None))
}

/// A key with a password, in the form of PKCS#8 or in the older one (RFC 1421), or what is not PEM:
/// PKCS#12 and everything else in BER begins with a SEQUENCE, too long here for the short form.
fn in_another_form(file: &Path, bytes: &[u8]) -> Option<TlsFault> {
    let text = String::from_utf8_lossy(bytes);
    let marks = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
    if marks.iter().any(|mark| text.contains(mark)) {
        return Some(wrong(file, "holds a key with a password", Some(DECRYPT)));
    }
    let is_ber = matches!(bytes, [0x30, length, ..] if *length >= 0x80);
    is_ber.then(|| wrong(file, "is not PEM (it may be PKCS#12 or DER)", Some(TO_PEM)))
}

fn wrong(file: &Path, what: impl Into<String>, hint: Option<&str>) -> TlsFault {
    TlsFault::Identity { file: file.to_owned(), what: what.into(), hint: hint.map(Into::into) }
}
