//! What a certificate says (RFC 5280), for people and for pins. Nothing is verified here.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use x509_parser::prelude::*;

use crate::output::escape::one_line;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Who it is about.
    pub subject: String,
    /// Who has signed it.
    pub issuer: String,
    /// When it begins to be valid, and when it ends.
    pub validity: (SystemTime, SystemTime),
    /// The hosts that it is for, names and addresses.
    pub names: Vec<String>,
}

impl Certificate {
    /// Reads a certificate in DER; nothing if it is none.
    pub fn parse(der: &[u8]) -> Option<Certificate> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let validity = certificate.validity();
        Some(Certificate {
            subject: one_line(&certificate.subject().to_string()),
            issuer: one_line(&certificate.issuer().to_string()),
            validity: (time(validity.not_before), time(validity.not_after)),
            names: names.filter_map(name).collect(),
        })
    }

    /// Whether it is valid at that time.
    pub fn is_valid_at(&self, at: SystemTime) -> bool {
        (self.validity.0..=self.validity.1).contains(&at)
    }

    /// Whether it names itself as its issuer.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

/// The public key of a certificate in DER, as a SubjectPublicKeyInfo in DER.
pub fn public_key(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.subject_pki.raw)
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Certificate { subject, issuer, validity: (from, until), .. } = self;
        let day = |at: &SystemTime| humantime::format_rfc3339_seconds(*at);
        let subject = if subject.is_empty() { "(empty)" } else { subject };
        write!(f, "subject {subject}; issuer {issuer}; ")?;
        write!(f, "valid from {} until {}", day(from), day(until))
    }
}

fn time(at: ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(at.timestamp().unsigned_abs());
    let begin = SystemTime::UNIX_EPOCH;
    // What `humantime` cannot write is no year that matters.
    let end = begin + Duration::from_secs(253_402_300_799);
    let at = if at.timestamp() < 0 { None } else { begin.checked_add(seconds) };
    at.map_or(begin, |at| at.min(end))
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(one_line(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            _ => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    }
}
