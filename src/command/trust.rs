//! From the flags and the environment to what is asked of TLS.

use std::env;
use std::path::{Path, PathBuf};

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;

use crate::cli::{ProxyArgs, TlsArgs};
use crate::failure::Failure;
use crate::handshake::{Pin, Pins, TlsOptions, TlsVersion};

/// What is asked of TLS.
///
/// # Errors
/// A combination that cannot be, or a file that cannot be read.
pub fn tls_options(arguments: TlsArgs) -> Result<TlsOptions, Failure> {
    let (ca_file, ca_folders, ca_by) = authorities(arguments.cacert, arguments.capath);
    let least = if arguments.tls13 { TlsVersion::Tls13 } else { TlsVersion::Tls12 };
    if arguments.tls_max.is_some_and(|most| most < least) {
        return Err(Failure::usage(
            "--tls-max leaves no version of TLS with --tlsv1.3",
            "leave one of them out",
        ));
    }
    let pins = match arguments.pins {
        None => Vec::new(),
        Some(Pins::Hashes(pins)) => pins,
        Some(Pins::File(file)) => vec![pin_in(&file)?],
    };
    Ok(TlsOptions {
        ca_file,
        ca_folders,
        ca_by,
        insecure: arguments.insecure,
        certificate: arguments.certificate,
        key: arguments.key,
        pins,
        least,
        most: arguments.tls_max,
        server_name: arguments.tls_server_name,
        key_log: given("SSLKEYLOGFILE").is_some(),
    })
}

/// What is asked of TLS with a proxy.
pub fn proxy_tls_options(arguments: &ProxyArgs) -> TlsOptions {
    let (ca_file, ca_folders, ca_by) = authorities(arguments.proxy_cacert.clone(), None);
    TlsOptions {
        ca_file,
        ca_folders,
        ca_by,
        insecure: arguments.proxy_insecure,
        key_log: given("SSLKEYLOGFILE").is_some(),
        ..TlsOptions::default()
    }
}

/// The file and folders of the authorities, those of the flags or of the environment, and the variable.
type Trusted = (Option<PathBuf>, Vec<PathBuf>, Option<&'static str>);

fn authorities(file: Option<PathBuf>, folder: Option<PathBuf>) -> Trusted {
    if file.is_some() || folder.is_some() {
        return (file, folder.into_iter().collect(), None);
    }
    if let Some(file) = given("CURL_CA_BUNDLE") {
        return (Some(file), Vec::new(), Some("CURL_CA_BUNDLE"));
    }
    let (file, folders) = (given("SSL_CERT_FILE"), given("SSL_CERT_DIR"));
    let by = if file.is_some() { "SSL_CERT_FILE" } else { "SSL_CERT_DIR" };
    // A list, as OpenSSL has it.
    let folders = folders.iter().flat_map(env::split_paths).filter(|path| path != Path::new(""));
    (file, folders.collect(), Some(by))
}

fn given(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn pin_in(file: &Path) -> Result<Pin, Failure> {
    let name = || format!("the public key in {}", file.display());
    let bytes = std::fs::read(file).map_err(|error| Failure::ReadInput { name: name(), error })?;
    let key = match SubjectPublicKeyInfoDer::from_pem_slice(&bytes) {
        Ok(key) => key.to_vec(),
        // A SEQUENCE, as every public key in DER.
        Err(_) if bytes.first() == Some(&0x30) => bytes,
        Err(_) => {
            return Err(Failure::usage(
                format!("{} has no public key", file.display()),
                "make one with: openssl x509 -in CERTIFICATE -noout -pubkey",
            ));
        }
    };
    Ok(Pin::of(&key))
}
