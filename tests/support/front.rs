//! TLS in front of a peer: certificates made for the test, and a server that takes TLS off and
//! passes everything on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ServerConfig, WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::DEADLINE;

/// A folder with an authority (`ca.pem`) and what it has signed.
pub struct Authority {
    pub folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// How the front speaks TLS.
#[derive(Default)]
pub struct Manner {
    /// Clients need a certificate of this authority.
    pub clients: Option<CertificateDer<'static>>,
    /// Clients are asked for one of it, and whoever they are, it hangs up.
    pub hangs_up: bool,
    /// Only this version.
    pub version: Option<&'static rustls::SupportedProtocolVersion>,
}

impl Clone for Identity {
    fn clone(&self) -> Identity {
        Identity { certificate: self.certificate.clone(), key: self.key.clone_key() }
    }
}

impl Identity {
    /// A server's configuration with this identity.
    pub fn serve(self, builder: ConfigBuilder<ServerConfig, WantsServerCert>) -> ServerConfig {
        builder.with_single_cert(vec![self.certificate], self.key).unwrap()
    }
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = params("the tests' authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let authority = Authority { folder: TempDir::new().unwrap(), issuer };
        authority.write("ca.pem", authority.issuer.pem());
        authority
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// The path of a file of this authority.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A certificate for these hosts; in `NAME.pem` and `NAME.key` too.
    pub fn sign(&self, name: &str, hosts: &[&str]) -> Identity {
        self.sign_with(name, params(name, hosts))
    }

    /// The same with the years in which it is valid.
    pub fn sign_for(&self, name: &str, hosts: &[&str], from: i32, until: i32) -> Identity {
        let mut params = params(name, hosts);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        self.sign_with(name, params)
    }

    fn sign_with(&self, name: &str, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.pem"), certificate.pem());
        self.write(&format!("{name}.key"), key.serialize_pem());
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Identity { certificate: certificate.der().clone(), key }
    }

    /// A certificate that nobody has signed but itself.
    pub fn self_signed(&self, name: &str, hosts: &[&str]) -> Identity {
        let mut params = params(name, hosts);
        // As `openssl req -x509` makes them.
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        self.write(&format!("{name}.pem"), certificate.pem());
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Identity { certificate: certificate.der().clone(), key }
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2120, 1, 1);
    params
}

/// Takes TLS off one connection and passes it on to `peer`; gives the address.
pub fn front(identity: Identity, manner: Manner, peer: SocketAddr) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = manner.version.map_or(rustls::ALL_VERSIONS.to_vec(), |version| vec![version]);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions).unwrap();
    let builder = match manner.clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier =
                if manner.hangs_up { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = identity.serve(builder);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, told) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let pass_on = async {
                let (stream, _) = listener.accept().await?;
                let mut outside = acceptor.accept(stream).await?;
                if manner.hangs_up {
                    return Ok((0, 0));
                }
                let mut inside = TcpStream::connect(peer).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            };
            // How it ends is the client's to tell.
            let _ = tokio::time::timeout(DEADLINE, pass_on).await;
        });
    });
    told.recv().unwrap()
}
