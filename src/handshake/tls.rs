//! What is asked of TLS, what came of it, and how it can fail. No TLS is spoken here.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use thiserror::Error;

use super::Hop;
use super::certificate::Certificate;
use crate::output::escape::one_line;

/// The versions of TLS that are spoken here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// What is asked of TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// `--cacert`, or what the environment has for it.
    pub ca_file: Option<PathBuf>,
    /// `--capath`, or what the environment has for it.
    pub ca_folders: Vec<PathBuf>,
    /// The variable that names them, if one does.
    pub ca_by: Option<&'static str>,
    /// `-k`: whoever answers is trusted.
    pub insecure: bool,
    /// `--cert`.
    pub certificate: Option<PathBuf>,
    /// `--key`; without it, the key is in the file of the certificate.
    pub key: Option<PathBuf>,
    /// `--pinnedpubkey`.
    pub pins: Vec<Pin>,
    /// `--tlsv1.2`, `--tlsv1.3`: this version or a later one.
    pub least: TlsVersion,
    /// `--tls-max`: this version or an earlier one.
    pub most: Option<TlsVersion>,
    /// `--tls-server-name`: the name that is asked for and that the certificate has to have.
    pub server_name: Option<String>,
    /// `SSLKEYLOGFILE`: whether the secrets of the session are written there.
    pub key_log: bool,
}

/// The SHA-256 of a public key (a SubjectPublicKeyInfo, RFC 7469 section 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// `--pinnedpubkey` as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pins {
    /// Hashes.
    Hashes(Vec<Pin>),
    /// A file with a public key, in PEM or DER.
    File(PathBuf),
}

impl Pins {
    /// Reads hashes, or the name of a file.
    ///
    /// # Errors
    /// What looks like hashes and is none.
    pub fn parse(typed: &str) -> Result<Pins, String> {
        if !typed.contains("sha256//") {
            return Ok(Pins::File(typed.into()));
        }
        let hash = |part: &str| {
            let bytes = BASE64.decode(part.trim().strip_prefix("sha256//")?).ok()?;
            Some(Pin(bytes.try_into().ok()?))
        };
        let hashes: Option<Vec<_>> = typed.split(';').map(hash).collect();
        hashes.map(Pins::Hashes).ok_or_else(|| {
            "a pin is sha256// and 44 characters of base64; several are joined by ;".into()
        })
    }
}

impl Pin {
    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of(public_key: &[u8]) -> Pin {
        let hash = ring::digest::digest(&ring::digest::SHA256, public_key);
        Pin(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl TlsVersion {
    /// `1.2` or `1.3`, as `--tls-max` has it.
    ///
    /// # Errors
    /// Another version.
    pub fn parse(typed: &str) -> Result<TlsVersion, String> {
        match typed {
            "1.2" => Ok(TlsVersion::Tls12),
            "1.3" | "default" => Ok(TlsVersion::Tls13),
            _ => Err("it is 1.2 or 1.3; older versions are not spoken here".into()),
        }
    }
}

/// A session of TLS that is open.
#[derive(Debug)]
pub struct TlsInfo {
    /// `TLSv1.3`.
    pub version: String,
    /// The cipher suite's name.
    pub cipher: String,
    /// The protocol that was agreed on (RFC 7301).
    pub protocol: Option<String>,
    /// The server's certificates, its own first.
    pub chain: Vec<Certificate>,
    /// Whether they were verified.
    pub verified: bool,
}

/// What a server's certificate lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// It has signed itself, and is not trusted.
    SelfSigned,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for other names than this one.
    OtherName(String),
    /// It is not for servers.
    Purpose,
    /// Something else.
    Other(String),
}

/// How TLS can fail.
#[derive(Debug, Error)]
pub enum TlsFault {
    /// The handshake.
    #[error("TLS with {address} failed: {reason}")]
    Handshake {
        /// Host and port.
        address: String,
        /// What happened.
        reason: String,
        /// The way out, where it is known.
        hint: Option<&'static str>,
    },
    /// Our own certificate or key.
    #[error("{} {what}", file.display())]
    Identity {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
        /// The way out.
        hint: Option<String>,
    },
    /// The server's certificate.
    #[error("the certificate of {address} is not trusted: {why}{}", described(.certificate))]
    Untrusted {
        /// Host and port.
        address: String,
        /// Whose it is.
        hop: Hop,
        /// What it lacks.
        why: Distrust,
        /// The certificate, if it could be read.
        certificate: Option<Box<Certificate>>,
    },
    /// The authorities that are trusted.
    #[error("{}{} {what}", file.display(), by.map(|by| format!(" ({by})")).unwrap_or_default())]
    Authorities {
        /// The file or folder.
        file: PathBuf,
        /// The variable that names it, if one does.
        by: Option<&'static str>,
        /// What is wrong with it.
        what: String,
    },
    /// The server's public key is not the one that was asked for.
    #[error("the public key of {address} is not the pinned one: it is {key}{}", described(.certificate))]
    Pinned {
        /// Host and port.
        address: String,
        /// The key, as `--pinnedpubkey` takes it.
        key: String,
        /// The certificate, if it could be read.
        certificate: Option<Box<Certificate>>,
    },
}

impl TlsFault {
    /// The server has hung up after it had asked for a certificate, and got ours or none.
    pub fn hung_up(address: String, got_ours: bool) -> TlsFault {
        TlsFault::Handshake {
            address,
            reason: "the server hung up after it had asked for a certificate".into(),
            hint: Some(match got_ours {
                true => "it may not accept ours: --cert FILE, --key FILE",
                false => "it wants to know who we are: --cert FILE, --key FILE",
            }),
        }
    }

    /// The way out.
    pub fn hint(&self) -> Option<String> {
        match self {
            TlsFault::Handshake { hint, .. } => hint.map(Into::into),
            TlsFault::Identity { hint, .. } => hint.clone(),
            TlsFault::Untrusted { why, hop, certificate, .. } => {
                Some(why.hint(*hop, certificate.as_deref()))
            }
            TlsFault::Authorities { .. } => {
                Some("it has to hold certificates in PEM: -----BEGIN CERTIFICATE-----".into())
            }
            TlsFault::Pinned { .. } => {
                Some("somebody else answers, or the server has a new key: then pin that one".into())
            }
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Distrust::UnknownIssuer => f.write_str("its issuer is not known here"),
            Distrust::SelfSigned => f.write_str("it is self-signed"),
            Distrust::Expired => f.write_str("it has expired"),
            Distrust::NotYetValid => f.write_str("it is not valid yet"),
            Distrust::OtherName(name) => write!(f, "it is not for {}", one_line(name)),
            Distrust::Purpose => f.write_str("it is not one for a server"),
            Distrust::Other(what) => f.write_str(&one_line(what)),
        }
    }
}

impl Distrust {
    fn hint(&self, hop: Hop, certificate: Option<&Certificate>) -> String {
        let (authorities, anybody) = match hop {
            Hop::Proxy => ("--proxy-cacert", "--proxy-insecure"),
            Hop::Server => ("--cacert", "-k"),
        };
        match self {
            Distrust::UnknownIssuer => {
                format!("trust its authority with {authorities} FILE, or anybody with {anybody}")
            }
            Distrust::SelfSigned => {
                format!("trust it with {authorities} FILE, or anybody with {anybody}")
            }
            Distrust::Expired => format!(
                "it needs a new one, unless the clock is wrong here; {anybody} goes on regardless"
            ),
            Distrust::NotYetValid => format!(
                "is the clock right, here and where it was made? {anybody} goes on regardless"
            ),
            Distrust::OtherName(_) => {
                let names = certificate.map(|certificate| certificate.names.join(", "));
                match names.filter(|names| !names.is_empty()) {
                    Some(names) if hop == Hop::Proxy => {
                        format!("it is for {names}: use such a name in the proxy's URL")
                    }
                    Some(names) => format!(
                        "it is for {names}: use such a name in the URL, or --tls-server-name"
                    ),
                    None => "it names no host at all (subjectAltName): make one that does".into(),
                }
            }
            Distrust::Purpose | Distrust::Other(_) => {
                format!("another certificate is needed; {anybody} goes on regardless")
            }
        }
    }
}

fn described(certificate: &Option<Box<Certificate>>) -> String {
    certificate.as_ref().map(|certificate| format!(" ({certificate})")).unwrap_or_default()
}
