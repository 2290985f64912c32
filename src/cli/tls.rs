//! Flags about TLS: who is trusted, who we are, which versions.

use std::path::PathBuf;

use clap::Args;

use crate::handshake::{Pins, TlsVersion};

/// How TLS is spoken, where the URL asks for it.
#[derive(Args, Debug, Default)]
pub struct TlsArgs {
    /// Trust the authorities in this PEM file, in place of the system's
    ///
    /// Without it, those of CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR are trusted if these are
    /// set, else the system's. A certificate in the file that a server uses as its own is trusted
    /// too. Example: wspipe send --cacert ca.pem wss://localhost:9443/ hello
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub cacert: Option<PathBuf>,

    /// Trust the authorities in the PEM files of this folder, in place of the system's
    ///
    /// Together with --cacert, both count. Example: wspipe listen --capath /etc/ourselves/certs
    /// wss://localhost:9443/
    #[arg(long, value_name = "FOLDER", help_heading = "TLS")]
    pub capath: Option<PathBuf>,

    /// Trust any certificate: for tests only, since anybody may be at the other end
    ///
    /// Pins are still checked. Example: wspipe connect -k wss://localhost:9443/
    #[arg(short = 'k', long, help_heading = "TLS")]
    pub insecure: bool,

    /// Show this certificate to a server that asks for one: a PEM file, which may hold its key too
    ///
    /// Those that have signed it follow it in the file. A key with a password is not taken: openssl pkey
    /// takes it off. Example: wspipe send -E me.pem --key key.pem
    /// wss://localhost:9443/ hello
    #[arg(short = 'E', long = "cert", value_name = "FILE", help_heading = "TLS")]
    pub certificate: Option<PathBuf>,

    /// The private key of --cert, in PEM and without a password
    ///
    /// Example: wspipe send --cert me.pem --key me.key wss://localhost:9443/ hello
    #[arg(long, value_name = "FILE", help_heading = "TLS", requires = "certificate")]
    pub key: Option<PathBuf>,

    /// Only talk to a server with this public key
    ///
    /// HASHES is sha256//BASE64, several joined by ';', or a file with the public key in PEM or DER.
    /// It is checked besides the certificate, and with -k in its place. Example: wspipe listen
    /// --pinnedpubkey 'sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' wss://localhost:9443/
    #[arg(long = "pinnedpubkey", value_name = "HASHES", help_heading = "TLS",
          value_parser = Pins::parse)]
    pub pins: Option<Pins>,

    /// Speak TLS 1.2 or a later version, as is the default
    ///
    /// Example: wspipe listen --tlsv1.2 wss://localhost:9443/
    #[arg(long = "tlsv1.2", help_heading = "TLS", overrides_with = "tls13")]
    pub tls12: bool,

    /// Speak TLS 1.3 or a later version
    ///
    /// Example: wspipe listen --tlsv1.3 wss://localhost:9443/
    #[arg(long = "tlsv1.3", help_heading = "TLS")]
    pub tls13: bool,

    /// Speak no later version of TLS than 1.2 or 1.3
    ///
    /// Example: wspipe listen --tls-max 1.2 wss://localhost:9443/
    #[arg(long = "tls-max", value_name = "VERSION", help_heading = "TLS",
          value_parser = TlsVersion::parse)]
    pub tls_max: Option<TlsVersion>,

    /// Ask for this host's certificate, whatever the URL says
    ///
    /// Example: wspipe send --tls-server-name www.example.org wss://127.0.0.1:9443/ hello
    #[arg(long, value_name = "NAME", help_heading = "TLS")]
    pub tls_server_name: Option<String>,
}
