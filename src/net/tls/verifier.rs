//! Who the server is: judged by rustls, and noted for people. Pins, `-k`, and certificates that are
//! trusted by themselves are added here.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::authorities::{self, Authorities};
use crate::failure::Failure;
use crate::handshake::{Certificate, Distrust, Pin, TlsOptions, public_key};

/// Judges servers' certificates.
#[derive(Debug)]
pub struct Verifier {
    /// Nobody, with `-k`.
    judge: Option<Arc<WebPkiServerVerifier>>,
    given: Vec<CertificateDer<'static>>,
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
    /// What was wrong with the last one.
    wrong: Mutex<Option<Wrong>>,
}

/// What is wrong with a certificate.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// It is not trusted.
    Untrusted {
        /// Why.
        why: Distrust,
        /// What it says.
        certificate: Option<Certificate>,
    },
    /// It has a key that was not pinned.
    Key {
        /// The key, as `--pinnedpubkey` takes it.
        key: String,
        /// What the certificate says.
        certificate: Option<Certificate>,
    },
}

impl Verifier {
    /// A verifier with the authorities that are asked for.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn new(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Verifier, Failure> {
        let (judge, given) = if options.insecure {
            (None, Vec::new())
        } else {
            let Authorities { store, given } = authorities::load(options)?;
            let judge = WebPkiServerVerifier::builder_with_provider(store.into(), provider.clone());
            (Some(judge.build().map_err(anyhow::Error::from)?), given)
        };
        let (pins, provider) = (options.pins.clone(), Arc::clone(provider));
        Ok(Verifier { judge, given, pins, provider, wrong: Mutex::new(None) })
    }

    /// Whether anybody may be trusted.
    pub fn verifies(&self) -> bool {
        self.judge.is_some()
    }

    /// What was wrong, if something was.
    pub fn wrong(&self) -> Option<Wrong> {
        self.wrong.lock().ok()?.clone()
    }

    fn refuse(&self, wrong: Wrong, error: Error) -> Error {
        if let Ok(mut kept) = self.wrong.lock() {
            *kept = Some(wrong);
        }
        error
    }

    /// Whether it was given by hand, as it is, is for this name, and valid now. An authority's
    /// certificate that a server uses as its own is none that webpki takes, and people make many.
    fn is_given(&self, server: &CertificateDer, name: &ServerName, now: UnixTime) -> bool {
        let named = ParsedCertificate::try_from(server);
        let now = time(now);
        self.given.iter().any(|given| given == server)
            && named.is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
            && Certificate::parse(server).is_some_and(|certificate| certificate.is_valid_at(now))
    }

    fn check_pins(&self, server: &CertificateDer) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let key = public_key(server).ok_or(CertificateError::BadEncoding)?;
        let key = Pin::of(key);
        if self.pins.contains(&key) {
            return Ok(());
        }
        let key = format!("sha256//{}", BASE64.encode(key.0));
        let certificate = Certificate::parse(server);
        let error = CertificateError::ApplicationVerificationFailure;
        Err(self.refuse(Wrong::Key { key, certificate }, error.into()))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer,
        others: &[CertificateDer],
        name: &ServerName,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(judge) = &self.judge
            && let Err(error) = judge.verify_server_cert(server, others, name, ocsp, now)
            && !self.is_given(server, name, now)
        {
            let certificate = Certificate::parse(server);
            let why = match self.given.contains(server) {
                true => distrust_of_given(certificate.as_ref(), name, now),
                false => distrust(&error, name, certificate.as_ref()),
            };
            return Err(self.refuse(Wrong::Untrusted { why, certificate }, error));
        }
        self.check_pins(server)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn time(at: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_secs())
}

/// What is wrong with one that was given by hand: nothing but its time and its names can be.
fn distrust_of_given(
    certificate: Option<&Certificate>,
    name: &ServerName,
    now: UnixTime,
) -> Distrust {
    match certificate {
        Some(certificate) if certificate.validity.1 < time(now) => Distrust::Expired,
        Some(certificate) if certificate.validity.0 > time(now) => Distrust::NotYetValid,
        _ => Distrust::OtherName(name.to_str().into_owned()),
    }
}

fn distrust(error: &Error, name: &ServerName, certificate: Option<&Certificate>) -> Distrust {
    use CertificateError as E;
    let Error::InvalidCertificate(error) = error else { return Distrust::Other(error.to_string()) };
    match error {
        E::Expired | E::ExpiredContext { .. } => Distrust::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Distrust::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            Distrust::OtherName(name.to_str().into_owned())
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Distrust::Purpose,
        _ if certificate.is_some_and(Certificate::is_self_signed) => Distrust::SelfSigned,
        E::UnknownIssuer => Distrust::UnknownIssuer,
        // webpki has no word for it.
        other if format!("{other:?}").contains("UnsupportedCertVersion") => {
            Distrust::Other("it is of an old version of X.509".into())
        }
        other => Distrust::Other(other.to_string()),
    }
}
