//! What carries the yardstick: TCP, or TLS over it, read in one thread and written in another. It
//! waits for the socket without the lock that both need for TLS.

use std::env;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Bytes that are read at once: rustls asks for 4 KiB.
const BLOCK: usize = 256 * 1024;

/// One end of a connection, for one thread.
pub enum Link {
    /// `ws`.
    Tcp(TcpStream),
    /// `wss`.
    Tls(OverTls),
}

impl Link {
    /// Connects to the server of a URL; gives back its host and port too.
    pub fn open(url: &str) -> io::Result<(Link, &str)> {
        let (scheme, rest) = url.split_once("://").ok_or(io::ErrorKind::InvalidInput)?;
        let host = rest.trim_end_matches('/');
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let link = if scheme == "wss" {
            Link::Tls(OverTls::start(stream, host)?)
        } else {
            Link::Tcp(stream)
        };
        Ok((link, host))
    }

    /// The same for another thread, which only writes: this one may hold what was read too early.
    pub fn for_writing(&self) -> io::Result<Link> {
        Ok(match self {
            Link::Tcp(stream) => Link::Tcp(stream.try_clone()?),
            Link::Tls(tls) => Link::Tls(tls.for_writing()?),
        })
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) -> io::Result<()> {
        match self {
            Link::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Link::Tls(tls) => tls.end(),
        }
    }
}

impl Read for Link {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(stream) => stream.read(bytes),
            Link::Tls(tls) => tls.read(bytes),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Link::Tcp(stream) => stream.write(bytes),
            Link::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// TLS over a connection.
pub struct OverTls {
    shared: Arc<Shared>,
    socket: BufReader<TcpStream>,
}

struct Shared {
    session: Mutex<ClientConnection>,
    /// What is being written; held until it is, so that records stay in order.
    records: Mutex<Vec<u8>>,
}

impl Shared {
    fn session(&self) -> MutexGuard<'_, ClientConnection> {
        self.session.lock().expect("no panic")
    }
}

impl OverTls {
    fn start(mut socket: TcpStream, host: &str) -> io::Result<OverTls> {
        let (name, _) = host.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(config()?), name);
        let mut session = session.map_err(io::Error::other)?;
        session.complete_io(&mut socket)?;
        let shared = Shared { session: Mutex::new(session), records: Mutex::new(Vec::new()) };
        Ok(OverTls { shared: Arc::new(shared), socket: BufReader::with_capacity(BLOCK, socket) })
    }

    fn for_writing(&self) -> io::Result<OverTls> {
        let socket = self.socket.get_ref().try_clone()?;
        let socket = BufReader::with_capacity(BLOCK, socket);
        Ok(OverTls { shared: Arc::clone(&self.shared), socket })
    }

    fn end(&mut self) -> io::Result<()> {
        self.send(|session| {
            session.send_close_notify();
            Ok(0)
        })?;
        self.socket.get_ref().shutdown(Shutdown::Write)
    }

    /// Writes what `encrypt` makes.
    fn send(
        &mut self,
        encrypt: impl FnOnce(&mut ClientConnection) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut records = self.shared.records.lock().expect("no panic");
        let mut session = self.shared.session();
        let count = encrypt(&mut session)?;
        while session.wants_write() {
            session.write_tls(&mut *records)?;
        }
        drop(session);
        self.socket.get_ref().write_all(&records)?;
        records.clear();
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(|session| session.writer().write(bytes))
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.shared.session().reader().read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.socket.fill_buf()?;
            let mut session = self.shared.session();
            let count = session.read_tls(&mut self.socket.buffer())?;
            session.process_new_packets().map_err(io::Error::other)?;
            drop(session);
            self.socket.consume(count);
        }
    }
}

/// Trusts whom the environment says.
fn config() -> io::Result<ClientConfig> {
    let file = env::var_os("SSL_CERT_FILE").ok_or(io::ErrorKind::NotFound)?;
    let certificates = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.flatten());
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
