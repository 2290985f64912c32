//! Where a location is really looked for: other hosts, ports and addresses than the URL names, as
//! curl's flags say. Nothing is resolved here.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use url::Host;

use super::Location;
use crate::output::escape::one_line;

/// What the flags say about the way.
#[derive(Clone, Debug, Default)]
pub struct Detours {
    /// `--connect-to`, the first that fits counts.
    pub connect_to: Vec<ConnectTo>,
    /// `--resolve`, the last that fits counts.
    pub resolve: Vec<Resolve>,
    /// `-4`, `-6`.
    pub family: Option<Family>,
    /// `--interface`.
    pub interface: Option<Interface>,
    /// `--unix-socket`.
    pub socket: Option<PathBuf>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What connections go out from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// An address of ours.
    Address(IpAddr),
    /// A network interface.
    Name(String),
}

/// Another host and port for a host and port; what is not given is any, or stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    from: (Option<Host>, Option<u16>),
    to: (Option<Host>, Option<u16>),
}

/// Addresses for a host, or for any, at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    host: Option<Host>,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Detours {
    /// The Unix socket that leads to a location, if one does.
    pub fn socket<'a>(&'a self, location: &'a Location) -> Option<&'a Path> {
        location.socket.as_deref().or(self.socket.as_deref())
    }

    /// The host and port to connect to for those of a URL.
    pub fn connect_to(&self, host: &Host, port: u16) -> (Host, u16) {
        let fits = |to: &&ConnectTo| {
            to.from.0.as_ref().is_none_or(|from| from == host)
                && to.from.1.is_none_or(|from| from == port)
        };
        match self.connect_to.iter().find(fits) {
            None => (host.clone(), port),
            Some(found) => {
                let host = found.to.0.as_ref().unwrap_or(host);
                (host.clone(), found.to.1.unwrap_or(port))
            }
        }
    }

    /// The addresses of a host, if they are given.
    pub fn resolve(&self, host: &Host, port: u16) -> Option<Vec<SocketAddr>> {
        let fits = |known: &&Resolve| {
            known.host.as_ref().is_none_or(|known| known == host) && known.port == port
        };
        let found = self.resolve.iter().rev().find(fits)?;
        Some(found.addresses.iter().map(|address| (*address, port).into()).collect())
    }

    /// Whether an address is of the family that is asked for.
    pub fn allows(&self, address: &SocketAddr) -> bool {
        match self.family {
            None => true,
            Some(Family::V4) => address.is_ipv4(),
            Some(Family::V6) => address.is_ipv6(),
        }
    }
}

impl Family {
    /// `IPv4` or `IPv6`.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Interface::Address(address) => address.fmt(f),
            Interface::Name(name) => f.write_str(&one_line(name)),
        }
    }
}

impl Interface {
    /// Reads an address or a name.
    ///
    /// # Errors
    /// Neither.
    pub fn parse(typed: &str) -> Result<Interface, String> {
        if let Some(host) = typed.strip_prefix("host!") {
            let address = host.trim_matches(['[', ']']).parse();
            let address = address.map_err(|_| "after host! there is an address of this host")?;
            return Ok(Interface::Address(address));
        }
        let typed = typed.strip_prefix("if!").unwrap_or(typed);
        if typed.is_empty() {
            return Err(
                "it is the name of an interface, such as eth0, or an address of this host".into()
            );
        }
        Ok(match typed.trim_matches(['[', ']']).parse() {
            Ok(address) => Interface::Address(address),
            Err(_) => Interface::Name(typed.to_owned()),
        })
    }
}

impl ConnectTo {
    /// Reads `HOST1:PORT1:HOST2:PORT2`.
    ///
    /// # Errors
    /// What it looks like.
    pub fn parse(typed: &str) -> Result<ConnectTo, String> {
        let wrong = || {
            "it is HOST1:PORT1:HOST2:PORT2, in which each may be empty; IPv6 in brackets".to_owned()
        };
        let parts = split(typed);
        let [from_host, from_port, to_host, to_port] = parts[..] else { return Err(wrong()) };
        let pair = |(name, number): (&str, &str)| Some((any_host(name)?, any_port(number)?));
        let both = pair((from_host, from_port)).zip(pair((to_host, to_port)));
        let (from, to) = both.ok_or_else(wrong)?;
        Ok(ConnectTo { from, to })
    }
}

impl Resolve {
    /// Reads `HOST:PORT:ADDRESS[,ADDRESS]…`; `*` is any host.
    ///
    /// # Errors
    /// What it looks like.
    pub fn parse(typed: &str) -> Result<Resolve, String> {
        let wrong =
            || "it is HOST:PORT:ADDRESS[,ADDRESS]; HOST may be *, IPv6 in brackets".to_owned();
        let parsed = || {
            // curl's + says that the entry may go stale; none does here.
            let typed = typed.strip_prefix('+').unwrap_or(typed);
            let parts = split(typed);
            let [name, number, ..] = parts[..] else { return None };
            let host = if name == "*" { None } else { Some(host(name)?) };
            let addresses = typed.get(name.len() + number.len() + 2..)?.split(',');
            let addresses = addresses.map(|each| each.trim_matches(['[', ']']).parse().ok());
            let addresses = addresses.collect::<Option<Vec<_>>>()?;
            Some(Resolve { host, port: number.parse().ok()?, addresses })
        };
        parsed().ok_or_else(wrong)
    }
}

/// Parts between colons; those in brackets are none.
fn split(typed: &str) -> Vec<&str> {
    let mut within = false;
    let separates = |c: char| {
        within = match c {
            '[' => true,
            ']' => false,
            _ => within,
        };
        c == ':' && !within
    };
    typed.split(separates).collect()
}

fn host(typed: &str) -> Option<Host> {
    if typed.is_empty() { None } else { Host::parse(typed).ok() }
}

fn any_host(typed: &str) -> Option<Option<Host>> {
    if typed.is_empty() { Some(None) } else { host(typed).map(Some) }
}

fn any_port(typed: &str) -> Option<Option<u16>> {
    if typed.is_empty() { Some(None) } else { typed.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    #[test]
    fn connect_to_takes_the_first_that_fits() {
        let rules = ["a:1:b:2", "a::c:", ":9::8", "[::1]:80:[::2]:81", "d:1::"];
        let connect_to = rules.map(|rule| ConnectTo::parse(rule).expect(rule)).to_vec();
        let detours = Detours { connect_to, ..Detours::default() };
        let cases = [
            (("a", 1), ("b", 2)),
            (("a", 3), ("c", 3)),
            (("x", 9), ("x", 8)),
            (("[::1]", 80), ("[::2]", 81)),
            (("d", 1), ("d", 1)),
            (("x", 1), ("x", 1)),
        ];
        for ((host, port), (to, to_port)) in cases {
            assert_eq!(detours.connect_to(&name(host), port), (name(to), to_port), "{host}:{port}");
        }
        for wrong in ["", "a", "a:1", "a:1:b", "a:1:b:2:3", "a:x:b:2", "a:1:b:70000", "a b:::"] {
            assert!(ConnectTo::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn resolve_takes_the_last_that_fits() {
        let rules = ["a:1:10.0.0.1", "+a:1:10.0.0.2,[::1]", "*:2:::1", "[::5]:1:10.0.0.5"];
        let resolve = rules.map(|rule| Resolve::parse(rule).expect(rule)).to_vec();
        let detours = Detours { resolve, ..Detours::default() };
        let cases = [
            ("a", 1, "10.0.0.2:1 [::1]:1"),
            ("a", 2, "[::1]:2"),
            ("x", 2, "[::1]:2"),
            ("[::5]", 1, "10.0.0.5:1"),
            ("b", 1, ""),
        ];
        for (host, port, addresses) in cases {
            let found = detours.resolve(&name(host), port).unwrap_or_default();
            let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(shown.join(" "), addresses, "{host}:{port}");
        }
        for wrong in
            ["", "a", "a:1", "a:1:", "a:1:b", ":1:10.0.0.1", "a:x:10.0.0.1", "a:1:10.0.0.1,"]
        {
            assert!(Resolve::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_interface_is_an_address_or_a_name() {
        let address = |text: &str| Interface::Address(text.parse().unwrap());
        assert_eq!(Interface::parse("eth0"), Ok(Interface::Name("eth0".into())));
        assert_eq!(Interface::parse("if!eth0"), Ok(Interface::Name("eth0".into())));
        assert_eq!(Interface::parse("127.0.0.1"), Ok(address("127.0.0.1")));
        assert_eq!(Interface::parse("host![::1]"), Ok(address("::1")));
        assert!(Interface::parse("").is_err() && Interface::parse("host!eth0").is_err());
    }

    #[test]
    fn a_family_leaves_out_the_other() {
        let (v4, v6) = ("10.0.0.1:1".parse().unwrap(), "[::1]:1".parse().unwrap());
        let cases =
            [(None, true, true), (Some(Family::V4), true, false), (Some(Family::V6), false, true)];
        for (family, with_v4, with_v6) in cases {
            let detours = Detours { family, ..Detours::default() };
            assert_eq!((detours.allows(&v4), detours.allows(&v6)), (with_v4, with_v6));
        }
    }
}
