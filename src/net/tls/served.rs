//! TLS for `serve`: with a certificate that is made on the spot, and an authority whose key is forgotten when
//! it has signed it; or with one that is given.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use tokio_rustls::TlsAcceptor;

use super::identity;
use crate::failure::Failure;

/// How long before now a certificate is valid, for clients whose clock is slow, and how long after.
const BEFORE: Duration = Duration::days(1);
const AFTER: Duration = Duration::days(90);

/// TLS with this certificate and its key.
///
/// # Errors
/// What is wrong with a file.
pub fn serve_with(certificate: &Path, key: Option<&Path>) -> Result<TlsAcceptor, Failure> {
    let (chain, key) = identity::load(certificate, key)?;
    acceptor(chain, key)?.map_err(|error| identity::unusable(certificate, &error).into())
}

/// TLS with a certificate for these names and addresses, and the authority that has signed it, in PEM.
///
/// # Errors
/// A name that cannot be in a certificate.
pub fn serve_as(names: Vec<String>) -> Result<(TlsAcceptor, String), Failure> {
    let shown = names.join(", ");
    let (chain, key, authority) = signed(names)
        .map_err(|error| anyhow::anyhow!("no certificate can be made for {shown}: {error}"))?;
    let acceptor = acceptor(chain, key)?.context("the certificate cannot be used")?;
    Ok((acceptor, authority))
}

type Signed = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, String);

fn signed(names: Vec<String>) -> Result<Signed, rcgen::Error> {
    let mut params = params("wspipe serve: an authority for tests", Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let mut params = self::params("wspipe serve", names)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    Ok((vec![certificate.der().clone()], key.into(), authority.pem()))
}

fn params(common_name: &str, names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or_default();
    let now = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    (params.not_before, params.not_after) = (now - BEFORE, now + AFTER);
    Ok(params)
}

/// What speaks TLS as this server; the inner error is about the certificate.
fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Result<TlsAcceptor, rustls::Error>, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS has no version")?
        .with_no_client_auth();
    Ok(builder.with_single_cert(chain, key).map(|mut config| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }))
}
