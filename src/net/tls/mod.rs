//! TLS, by rustls with ring: from an open stream to one that nobody else reads. What is asked of it is
//! in `handshake::tls`.

mod authorities;
mod identity;
mod served;
mod verifier;

use std::io;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, KeyLogFile, SupportedProtocolVersion};
use tokio::io::BufReader;
use tokio_rustls::TlsConnector;
use url::Host;

use super::Http;
use super::dial::End;
use super::stream::{Asking, Stream};
use crate::failure::{Failure, root_cause};
use crate::handshake::{
    Certificate, HandshakeFault, Hop, TlsFault, TlsInfo, TlsOptions, TlsVersion,
};
pub use served::{serve_as, serve_with};
use verifier::{Verifier, Wrong};

/// Bytes that are read at once: rustls asks for 4 KiB, and the system answers each of its reads with an
/// acknowledgement to the other side.
const READ_AHEAD: usize = 256 * 1024;

/// Everything that is made before there is a connection.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    verifier: Arc<Verifier>,
    asked: Arc<identity::Asked>,
    name: ServerName<'static>,
    address: String,
    hop: Hop,
    http: Http,
}

impl Tls {
    /// Makes ready for TLS with someone: reads certificates and keys, which may take some milliseconds.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub fn prepare(with: &End, options: &TlsOptions, http: Http) -> Result<Tls, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Arc::new(Verifier::new(options, &provider)?);
        let name = server_name(with, options)?;
        let mut config = config(options, provider, Arc::clone(&verifier))?;
        config.alpn_protocols = match http {
            Http::One => vec![b"http/1.1".to_vec()],
            Http::OfferTwo => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Http::Two => vec![b"h2".to_vec()],
        };
        let asked = identity::Asked::instead_of(&config.client_auth_cert_resolver);
        config.client_auth_cert_resolver = Arc::clone(&asked) as _;
        let config = Arc::new(config);
        Ok(Tls { config, verifier, asked, name, address: with.address(), hop: with.hop, http })
    }

    /// Speaks TLS over `stream`.
    ///
    /// # Errors
    /// The handshake failed, or the server is not to be trusted.
    pub async fn connect(&self, stream: Stream) -> Result<(Stream, TlsInfo), Failure> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = BufReader::with_capacity(READ_AHEAD, Asking::new(stream));
        let connected = connector.connect(self.name.clone(), stream).await;
        let stream = connected.map_err(|error| self.fault(&error))?;
        let info = self.info(stream.get_ref().1);
        Ok((Stream::Tls(Box::new(stream)), info))
    }

    /// Whether the other side has asked who we are.
    pub fn was_asked(&self) -> bool {
        self.asked.was()
    }

    fn info(&self, session: &rustls::ClientConnection) -> TlsInfo {
        let version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        };
        let cipher = session.negotiated_cipher_suite();
        let cipher = cipher.and_then(|cipher| cipher.suite().as_str()).unwrap_or("?");
        let chain = session.peer_certificates().unwrap_or_default();
        TlsInfo {
            version: version.into(),
            cipher: cipher.into(),
            protocol: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into()),
            chain: chain.iter().filter_map(|der| Certificate::parse(der)).collect(),
            verified: self.verifier.verifies(),
        }
    }

    fn fault(&self, error: &io::Error) -> Failure {
        if self.http == Http::Two && alert(error) == Some(AlertDescription::NoApplicationProtocol) {
            return HandshakeFault::NoHttp2.into();
        }
        self.fault_of_tls(error).into()
    }

    fn fault_of_tls(&self, error: &io::Error) -> TlsFault {
        let address = self.address.clone();
        match self.verifier.wrong() {
            Some(Wrong::Untrusted { why, certificate }) => {
                let (hop, certificate) = (self.hop, certificate.map(Box::new));
                TlsFault::Untrusted { address, hop, why, certificate }
            }
            Some(Wrong::Key { key, certificate }) => {
                TlsFault::Pinned { address, key, certificate: certificate.map(Box::new) }
            }
            None => handshake_fault(address, self.hop, error),
        }
    }
}

/// The name that is asked for and that the certificate has to have.
fn server_name(with: &End, options: &TlsOptions) -> Result<ServerName<'static>, Failure> {
    let parse = |name: &str| ServerName::try_from(name.trim_end_matches('.').to_owned());
    if let Some(name) = &options.server_name {
        let hint = "it is a host's name or an address, without a port";
        return parse(name).map_err(|_| {
            Failure::usage(format!("{name:?} cannot be the name of a TLS server"), hint)
        });
    }
    let name = match &with.host {
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    };
    parse(&name).map_err(|_| {
        let error = io::Error::other("no host can have this name");
        Failure::Resolve { host: with.name(), hop: with.hop, error }
    })
}

fn config(
    options: &TlsOptions,
    provider: Arc<CryptoProvider>,
    verifier: Arc<Verifier>,
) -> Result<ClientConfig, Failure> {
    let known: [(TlsVersion, &SupportedProtocolVersion); 2] =
        [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
    let most = options.most.unwrap_or(TlsVersion::Tls13);
    let wanted = known.into_iter().filter(|(version, _)| (options.least..=most).contains(version));
    let versions: Vec<_> = wanted.map(|(_, version)| version).collect();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .context("TLS has no version left")?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &options.certificate {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let (chain, key) = identity::load(file, options.key.as_deref())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| identity::unusable(file, &error))?
        }
    };
    config.resumption = Resumption::disabled();
    if options.key_log {
        config.key_log = Arc::new(KeyLogFile::new());
    }
    Ok(config)
}

/// The alert that ended TLS, if one did.
fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

/// What an error means that came before the upgrade was answered.
pub fn handshake_fault(address: String, hop: Hop, error: &io::Error) -> TlsFault {
    use rustls::Error as E;
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<E>());
    let hint = match of_tls {
        Some(E::InvalidMessage(_)) if hop == Hop::Proxy => {
            Some("what answers does not speak TLS: is it an http:// proxy?")
        }
        Some(E::InvalidMessage(_)) => {
            Some("what answers does not speak TLS: is it a ws:// server?")
        }
        Some(E::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            Some("it does not speak HTTP/1.1; over HTTP/2, if it has WebSocket there, by --http2")
        }
        Some(E::AlertReceived(AlertDescription::CertificateRequired)) => {
            Some("the server wants to know who we are: --cert FILE, --key FILE")
        }
        Some(E::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        )) => Some("the server does not accept our certificate: --cert FILE, --key FILE"),
        Some(E::AlertReceived(AlertDescription::ProtocolVersion))
        | Some(E::PeerIncompatible(_)) => Some(
            "TLS 1.2 and 1.3 are spoken here; does --tls-max or --tlsv1.3 exclude the server's?",
        ),
        Some(E::AlertReceived(AlertDescription::UnrecognisedName)) => {
            Some("the server does not know this name: another one with --tls-server-name")
        }
        _ => None,
    };
    let reason = match of_tls {
        Some(E::AlertReceived(alert)) => {
            format!("the server says {}", words(&format!("{alert:?}")))
        }
        Some(E::InvalidMessage(_)) => "the answer is not TLS".into(),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server ended the connection".into()
        }
        _ => root_cause(error),
    };
    TlsFault::Handshake { address, reason, hint }
}

/// `CertificateRequired` as words.
fn words(name: &str) -> String {
    let mut words = String::new();
    let mut before = 'A';
    for c in name.chars() {
        if c.is_ascii_uppercase() && !before.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        before = c;
    }
    words
}
