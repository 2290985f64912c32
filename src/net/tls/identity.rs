//! Who we are: our certificate and its key.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::failure::root_cause;
use crate::handshake::TlsFault;

/// How a key in a form that is not read here is turned into one that is.
const DECRYPT: &str = "take the password off with: openssl pkey -in KEY -out plain.pem";
const FROM_PKCS12: &str = "turn it into PEM with: openssl pkcs12 -in FILE -nodes -out plain.pem";

/// Reads the certificate with those that have signed it, and the key, which may be in the same file.
///
/// # Errors
/// What is wrong with a file.
pub fn load(
    certificate: &Path,
    key: Option<&Path>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsFault> {
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
    if is_encrypted(bytes) {
        return wrong(file, "holds a key with a password", Some(DECRYPT));
    }
    if is_der(bytes) {
        return not_pem(file);
    }
    let hint = format!("PEM is text with a line {begins}");
    wrong(file, format!("holds {lacks}"), Some(&hint))
}

/// What an error of the reader means.
fn unreadable(file: &Path, bytes: &[u8], error: &pem::Error) -> TlsFault {
    if is_encrypted(bytes) {
        return wrong(file, "holds a key with a password", Some(DECRYPT));
    }
    if is_der(bytes) {
        return not_pem(file);
    }
    wrong(file, format!("cannot be read as PEM: {error}"), None)
}

/// Whether there is a key with a password, in the form of PKCS#8 or in the older one (RFC 1421).
fn is_encrypted(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let marks = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];
    marks.iter().any(|mark| text.contains(mark))
}

fn not_pem(file: &Path) -> TlsFault {
    wrong(file, "is not PEM (it may be PKCS#12 or DER)", Some(FROM_PKCS12))
}

/// PKCS#12 and everything else in DER begins with a SEQUENCE of a length in two bytes.
fn is_der(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x30, 0x82])
}

fn wrong(file: &Path, what: impl Into<String>, hint: Option<&str>) -> TlsFault {
    TlsFault::Identity { file: file.to_owned(), what: what.into(), hint: hint.map(Into::into) }
}
