//! `serve --tls`: the names of the certificate, and the file that tells clients whom to trust.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio_rustls::TlsAcceptor;

use super::plan::Tls;
use crate::failure::Failure;
use crate::net;

/// What is needed to speak TLS.
pub struct Secured {
    /// What speaks it.
    pub acceptor: TlsAcceptor,
    /// Whom clients are to trust, if that is of our making.
    pub made: Option<Made>,
}

/// The certificate of an authority of our making.
pub enum Made {
    /// It is where it was asked for.
    Written(PathBuf),
    /// It has no file yet: a temporary one is for when no signal leaves it behind.
    Unwritten(String),
}

impl Made {
    /// Its file.
    ///
    /// # Errors
    /// A temporary one cannot be had.
    pub fn in_a_file(self) -> Result<Authority, Failure> {
        match self {
            Made::Written(path) => Ok(Authority::Kept(path)),
            Made::Unwritten(text) => temporary(&text).map(Authority::Temporary).map_err(|error| {
                let name = "a temporary file for the authority".into();
                Failure::Output { name, error }
            }),
        }
    }
}

/// The file with the certificate of the authority.
pub enum Authority {
    /// One that stays.
    Kept(PathBuf),
    /// One that goes when the server does.
    Temporary(NamedTempFile),
}

impl Authority {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Authority::Kept(path) => path,
            Authority::Temporary(file) => file.path(),
        }
    }
}

/// Makes ready for TLS, on an address as it was typed and as it was bound.
///
/// # Errors
/// A certificate that cannot be used or made, a file that cannot be written.
pub fn secure(tls: &Tls, typed: &str, bound: SocketAddr) -> Result<Secured, Failure> {
    match tls {
        Tls::Given(certificate, key) => {
            let acceptor = net::serve_with(certificate, key.as_deref())?;
            Ok(Secured { acceptor, made: None })
        }
        Tls::Made(file) => {
            let (acceptor, authority) = net::serve_as(names(typed, bound))?;
            let made = match file {
                Some(file) => written(file, &authority)?,
                None => Made::Unwritten(authority),
            };
            Ok(Secured { acceptor, made: Some(made) })
        }
    }
}

/// What clients may call us.
fn names(typed: &str, bound: SocketAddr) -> Vec<String> {
    let mut names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let host = typed.rsplit_once(':').map_or(typed, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    for name in [host, bound.ip().to_string()] {
        let is_a_place = !["0.0.0.0", "::"].contains(&name.as_str());
        if is_a_place && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn written(file: &Path, authority: &str) -> Result<Made, Failure> {
    fs::write(file, authority)
        .map(|()| Made::Written(file.to_owned()))
        .map_err(|error| Failure::Output { name: file.display().to_string(), error })
}

fn temporary(authority: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("wspipe-ca-").suffix(".pem").tempfile()?;
    file.write_all(authority.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_for_what_clients_may_call_us() {
        let always = ["localhost", "127.0.0.1", "::1"];
        let cases: [(&str, &str, &[&str]); 6] = [
            ("127.0.0.1:0", "127.0.0.1:9000", &[]),
            ("localhost:0", "127.0.0.1:9000", &[]),
            ("0.0.0.0:0", "0.0.0.0:9000", &[]),
            ("[::]:0", "[::]:9000", &[]),
            ("[2001:db8::1]:0", "[2001:db8::1]:9000", &["2001:db8::1"]),
            ("server.test:0", "192.0.2.7:9000", &["server.test", "192.0.2.7"]),
        ];
        for (typed, bound, more) in cases {
            let expected = [&always[..], more].concat();
            assert_eq!(names(typed, bound.parse().unwrap()), expected, "{typed}");
        }
    }
}
