//! Addresses at which nobody answers.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

/// A port that is taken, so that nobody else gets it while this lives.
pub struct Nobody {
    pub address: SocketAddr,
    _socket: OwnedFd,
    _waiting: Vec<TcpStream>,
}

impl Nobody {
    /// Whoever connects is refused.
    pub fn refusing() -> Nobody {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = getsockname(&socket).unwrap();
        let address = SocketAddr::try_from(address).expect("an address");
        Nobody { address, _socket: socket, _waiting: Vec::new() }
    }

    /// Whoever connects hears nothing, as behind a wall: the queue of those who wait is full.
    pub fn hanging() -> Nobody {
        let nobody = Nobody::refusing();
        listen(&nobody._socket, 0).expect("it listens");
        let waiting = TcpStream::connect(nobody.address).expect("the first one waits");
        Nobody { _waiting: vec![waiting], ..nobody }
    }
}
