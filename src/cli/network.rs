//! Flags about the way to the server: addresses, sockets, interfaces.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values;
use crate::handshake::{ConnectTo, Detours, Family, Interface, Resolve};

/// The way to the server.
#[derive(Args, Debug, Default)]
pub struct NetworkArgs {
    /// Connect to this Unix socket in place of the URL's host and port
    ///
    /// The URL ws+unix:///path/to.sock:/path says the same. Example: wspipe send --unix-socket
    /// /run/server.sock ws://localhost/path hello
    #[arg(long, value_name = "PATH", help_heading = "Network")]
    pub unix_socket: Option<PathBuf>,

    /// Use these addresses for a host and port, and ask no resolver. May be repeated
    ///
    /// RULE is HOST:PORT:ADDRESS, with more addresses behind commas; HOST may be *, an IPv6 address
    /// stands in brackets. Example: wspipe listen --resolve www.example.org:9000:127.0.0.1 ws://www.example.org:9000/
    #[arg(long, value_name = "RULE", help_heading = "Network", value_parser = Resolve::parse)]
    pub resolve: Vec<Resolve>,

    /// Connect to another host and port than those of the URL. May be repeated; the first that fits
    /// counts
    ///
    /// RULE is HOST1:PORT1:HOST2:PORT2; without HOST1 or PORT1 it is for any, without HOST2 or PORT2
    /// that one stays. The request and the certificate are still about the URL's host. Example: wspipe
    /// listen --connect-to ::localhost:9000 ws://www.example.org/
    #[arg(long, value_name = "RULE", help_heading = "Network", value_parser = ConnectTo::parse)]
    pub connect_to: Vec<ConnectTo>,

    /// Use IPv4 addresses only
    ///
    /// Example: wspipe listen -4 ws://localhost:9000/
    #[arg(short = '4', long, help_heading = "Network", overrides_with = "ipv6")]
    pub ipv4: bool,

    /// Use IPv6 addresses only
    ///
    /// Example: wspipe listen -6 ws://localhost:9000/
    #[arg(short = '6', long, help_heading = "Network")]
    pub ipv6: bool,

    /// Go out by this network interface, or from this address
    ///
    /// Example: wspipe listen --interface lo ws://localhost:9000/
    #[arg(long, value_name = "NAME", help_heading = "Network", value_parser = Interface::parse)]
    pub interface: Option<Interface>,

    /// Send small packets at once; always so, as in curl
    #[arg(long, help_heading = "Network", hide = true)]
    pub tcp_nodelay: bool,

    /// Give up when the session is not open after so long, the answer to the upgrade included; 0
    /// means no limit [default: 10s]
    ///
    /// Example: wspipe listen --connect-timeout 2.5 ws://localhost:9000/
    #[arg(long, value_name = "DURATION", help_heading = "Limits",
          value_parser = values::duration)]
    pub connect_timeout: Option<Duration>,

    /// Probe an idle TCP connection after so long [default: 60s]
    ///
    /// Example: wspipe listen --keepalive-time 30s ws://localhost:9000/
    #[arg(long, value_name = "DURATION", help_heading = "Keepalive",
          value_parser = values::positive_duration)]
    pub keepalive_time: Option<Duration>,
}

impl NetworkArgs {
    /// How long an opening may take.
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout.unwrap_or(Duration::from_secs(10))
    }

    /// How long a TCP connection is idle before it is probed.
    pub fn keepalive_time(&self) -> Duration {
        self.keepalive_time.unwrap_or(Duration::from_secs(60))
    }

    /// What they say about where a host is looked for.
    pub fn detours(&self) -> Detours {
        let family = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Family::V4),
            (false, true) => Some(Family::V6),
            (false, false) => None,
        };
        Detours {
            connect_to: self.connect_to.clone(),
            resolve: self.resolve.clone(),
            family,
            interface: self.interface.clone(),
            socket: self.unix_socket.clone(),
        }
    }
}
