//! TLS in front of the benchmark's server, and an authority for clients to trust: TLS 1.3 with one
//! cipher suite for all, so that all do the same work.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite::TLS13_AES_256_GCM_SHA384};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::Stream;
use crate::support::Authority;

/// A certificate for 127.0.0.1, and who has signed it.
pub struct Tls {
    config: Arc<ServerConfig>,
    authority: Authority,
}

impl Tls {
    /// Makes an authority and has it sign a certificate.
    pub fn new() -> anyhow::Result<Tls> {
        let authority = Authority::new();
        authority.sign("server", &["127.0.0.1"]);
        let certificate = CertificateDer::from_pem_file(authority.path("server.pem"))?;
        let key = PrivateKeyDer::from_pem_file(authority.path("server.key"))?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let system = openssl_probe::probe().cert_file.map(std::fs::read).transpose()?;
        let ours = std::fs::read(authority.path("ca.pem"))?;
        authority.write("all.pem", [system.unwrap_or_default(), ours].concat());
        Ok(Tls { config: Arc::new(config), authority })
    }

    /// What makes clients trust the authority beside the system's, as they would have to read those
    /// for any other server. Node has its own, and is given ours alone.
    pub fn environment(&self) -> Vec<String> {
        let [all, ours] = ["all.pem", "ca.pem"].map(|name| self.authority.path(name));
        vec![
            format!("SSL_CERT_FILE={all}"),
            format!("CURL_CA_BUNDLE={all}"),
            format!("NODE_EXTRA_CA_CERTS={ours}"),
        ]
    }

    /// What the server needs to [`accept`].
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    let cipher_suites = vec![TLS13_AES_256_GCM_SHA384];
    Arc::new(CryptoProvider { cipher_suites, ..ring::default_provider() })
}

/// Bytes that are encrypted before they are written. With less or more of them the copy, which has the
/// least to do itself, is slower.
const ENCRYPTED: usize = 32 * 1024;

/// TLS over a connection; the first read does the handshake.
pub fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<impl Stream> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    connection.set_buffer_limit(Some(ENCRYPTED));
    Ok(StreamOwned::new(connection, stream))
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write)
    }
}
