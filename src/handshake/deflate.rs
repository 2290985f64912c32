//! permessage-deflate in the opening handshake (RFC 7692 section 7): the offer, and how the answer to
//! it is judged; for `serve`, the other way round.

use std::fmt;

use super::extensions::{Extension, extensions};
use crate::wire::{Agreement, Deflate, WINDOW_BITS};

/// The extension's name.
const NAME: &str = "permessage-deflate";
/// A parameter of it.
pub const CLIENT_NO_CONTEXT: &str = "client_no_context_takeover";
/// A parameter of it.
pub const SERVER_NO_CONTEXT: &str = "server_no_context_takeover";
/// A parameter of it.
pub const CLIENT_BITS: &str = "client_max_window_bits";
/// A parameter of it.
pub const SERVER_BITS: &str = "server_max_window_bits";

/// What is offered, and what we choose ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// We stand by: each of our messages by itself.
    pub client_no_context_takeover: bool,
    /// We ask for: each of the server's messages by itself.
    pub server_no_context_takeover: bool,
    /// We refer no further back than this, as a power of two; the server may ask for less.
    pub client_max_window_bits: Option<u8>,
    /// The server is to refer no further back.
    pub server_max_window_bits: Option<u8>,
    /// How hard we try: 0 to 9.
    pub level: u32,
    /// Bytes of a message from which on it is worth it.
    pub min_size: usize,
}

impl Default for Offer {
    fn default() -> Self {
        Offer {
            client_no_context_takeover: false,
            server_no_context_takeover: false,
            client_max_window_bits: None,
            server_max_window_bits: None,
            level: 6,
            min_size: 0,
        }
    }
}

impl Offer {
    /// What the answer means.
    ///
    /// # Errors
    /// What it breaks of RFC 7692 section 7.1.
    pub fn judge(&self, answer: &str) -> Result<Deflate, String> {
        let extensions = extensions(answer)?;
        let extension = match &extensions[..] {
            [extension] => extension,
            [] => return Err("it names none".into()),
            _ => return Err("it is more than one, and one was offered".into()),
        };
        if !extension.name.eq_ignore_ascii_case(NAME) {
            return Err(format!("{} was not offered", extension.name));
        }
        let client_no_context_takeover = self.client_no_context_takeover;
        let mut agreement = Agreement { client_no_context_takeover, ..Agreement::default() };
        let (mut server_bits, mut server_no_context) = (false, false);
        for (name, value) in &extension.parameters {
            let range = || format!("{name} has to be 8 to 15");
            match (name.as_str(), value) {
                (CLIENT_NO_CONTEXT, None) => agreement.client_no_context_takeover = true,
                (SERVER_NO_CONTEXT, None) => {
                    (agreement.server_no_context_takeover, server_no_context) = (true, true);
                }
                (CLIENT_BITS, Some(value)) => {
                    agreement.client_max_window_bits = bits(value).ok_or_else(range)?;
                }
                (SERVER_BITS, Some(value)) => {
                    let bits = bits(value).ok_or_else(range)?;
                    if self.server_max_window_bits.is_some_and(|most| bits > most) {
                        return Err(format!("{SERVER_BITS}={bits} is more than was asked for"));
                    }
                    (agreement.server_max_window_bits, server_bits) = (bits, true);
                }
                (CLIENT_NO_CONTEXT | SERVER_NO_CONTEXT, Some(_)) => {
                    return Err(format!("{name} takes no value"));
                }
                (CLIENT_BITS | SERVER_BITS, None) => return Err(format!("{name} needs a value")),
                _ => return Err(format!("the parameter {name} is not known")),
            }
        }
        if self.server_no_context_takeover && !server_no_context {
            return Err(format!("{SERVER_NO_CONTEXT} was asked for and is not promised"));
        }
        // 15 is what there is without a word, and some servers leave it at that.
        if self.server_max_window_bits.is_some_and(|bits| bits < 15) && !server_bits {
            return Err(format!("{SERVER_BITS} was asked for and is not promised"));
        }
        // A larger window than we have hinted at is no mistake: we need not use it (section 7.1.2.2).
        if let Some(most) = self.client_max_window_bits {
            agreement.client_max_window_bits = agreement.client_max_window_bits.min(most);
        }
        Ok(Deflate { agreement, level: self.level, min_size: self.min_size })
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(NAME)?;
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT}")?;
        }
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT}")?;
        }
        match self.client_max_window_bits {
            // That it may ask for less.
            None => write!(f, "; {CLIENT_BITS}")?,
            Some(bits) => write!(f, "; {CLIENT_BITS}={bits}")?,
        }
        match self.server_max_window_bits {
            None => Ok(()),
            Some(bits) => write!(f, "; {SERVER_BITS}={bits}"),
        }
    }
}

/// The first of a client's offers that can be accepted, and the answer that accepts it (section 7.1).
pub fn accept_offer(offers: &str) -> Option<(Deflate, String)> {
    let offers = extensions(offers).ok()?;
    offers.iter().filter(|offer| offer.name.eq_ignore_ascii_case(NAME)).find_map(accept_one)
}

fn accept_one(offer: &Extension) -> Option<(Deflate, String)> {
    let mut agreement = Agreement::default();
    let mut answer = NAME.to_owned();
    for (name, value) in &offer.parameters {
        match (name.as_str(), value) {
            (CLIENT_NO_CONTEXT, None) => agreement.client_no_context_takeover = true,
            (SERVER_NO_CONTEXT, None) => agreement.server_no_context_takeover = true,
            // It may be left open, and then nothing smaller is asked for.
            (CLIENT_BITS, None) => continue,
            (CLIENT_BITS, Some(value)) => {
                bits(value)?;
                continue;
            }
            // A window that we do not have cannot be promised.
            (SERVER_BITS, Some(value)) => {
                let bits = bits(value).filter(|bits| WINDOW_BITS.contains(bits))?;
                agreement.server_max_window_bits = bits;
            }
            _ => return None,
        }
        let value = value.as_ref().map(|value| format!("={value}"));
        answer.push_str(&format!("; {name}{}", value.unwrap_or_default()));
    }
    let Offer { level, min_size, .. } = Offer::default();
    Some((Deflate { agreement, level, min_size }, answer))
}

/// 8 to 15, without a zero before it (section 7.1.2).
pub fn bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (!value.starts_with(['0', '+'])).then_some(bits)
}

/// Whether a text begins as a parameter does.
pub fn is_parameter(text: &str) -> bool {
    let names = [CLIENT_NO_CONTEXT, SERVER_NO_CONTEXT, CLIENT_BITS, SERVER_BITS];
    names.iter().any(|name| text.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(with: &str) -> Offer {
        let offer = Offer::default();
        let nine = Some(9);
        match with {
            "" => offer,
            "client_no_context" => Offer { client_no_context_takeover: true, ..offer },
            "server_no_context" => Offer { server_no_context_takeover: true, ..offer },
            "client_bits" => Offer { client_max_window_bits: nine, ..offer },
            "server_bits" => Offer { server_max_window_bits: nine, ..offer },
            _ => Offer { server_max_window_bits: Some(15), ..offer },
        }
    }

    #[test]
    fn an_answer_is_judged_by_section_7() {
        let agreed = |client: bool, server: bool, client_bits: u8, server_bits: u8| {
            Ok(Agreement {
                client_no_context_takeover: client,
                server_no_context_takeover: server,
                client_max_window_bits: client_bits,
                server_max_window_bits: server_bits,
            })
        };
        let cases: [(&str, &str, Result<Agreement, &str>); 23] = [
            ("", "permessage-deflate", agreed(false, false, 15, 15)),
            ("", "PerMessage-Deflate; client_no_context_takeover", agreed(true, false, 15, 15)),
            ("", "permessage-deflate; server_no_context_takeover", agreed(false, true, 15, 15)),
            ("", "permessage-deflate; client_max_window_bits=10", agreed(false, false, 10, 15)),
            ("", "permessage-deflate; client_max_window_bits=8", agreed(false, false, 8, 15)),
            ("", "permessage-deflate; server_max_window_bits=\"9\"", agreed(false, false, 15, 9)),
            ("client_bits", "permessage-deflate", agreed(false, false, 9, 15)),
            ("client_bits", "permessage-deflate; client_max_window_bits=12", {
                agreed(false, false, 9, 15)
            }),
            ("client_no_context", "permessage-deflate", agreed(true, false, 15, 15)),
            ("server_bits", "permessage-deflate; server_max_window_bits=8", {
                agreed(false, false, 15, 8)
            }),
            ("server_bits", "permessage-deflate; server_max_window_bits=10", {
                Err("more than was asked for")
            }),
            ("server_bits", "permessage-deflate", Err("not promised")),
            ("server_bits=15", "permessage-deflate", agreed(false, false, 15, 15)),
            ("server_no_context", "permessage-deflate", Err("not promised")),
            ("", "permessage-deflate; client_max_window_bits", Err("needs a value")),
            ("", "permessage-deflate; client_max_window_bits=16", Err("8 to 15")),
            ("", "permessage-deflate; server_max_window_bits=09", Err("8 to 15")),
            ("", "permessage-deflate; client_no_context_takeover=1", Err("takes no value")),
            ("", "permessage-deflate; x=1", Err("x is not known")),
            ("", "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", {
                Err("comes twice")
            }),
            ("", ",", Err("names none")),
            ("", "permessage-deflate, permessage-deflate", Err("more than one")),
            ("", "x-webkit-deflate-frame", Err("was not offered")),
        ];
        for (typed, answer, expected) in cases {
            let got = offer(typed).judge(answer);
            match (got, expected) {
                (Ok(deflate), Ok(agreement)) => {
                    assert_eq!(deflate.agreement, agreement, "{answer}")
                }
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{answer}: {why}"),
                (got, _) => panic!("{typed} {answer}: {got:?}"),
            }
        }
    }

    #[test]
    fn the_first_offer_that_can_be_is_accepted() {
        let cases = [
            ("permessage-deflate", Some("permessage-deflate")),
            ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
            ("x, permessage-deflate; y, permessage-deflate; server_no_context_takeover", {
                Some("permessage-deflate; server_no_context_takeover")
            }),
            ("permessage-deflate; server_max_window_bits=10; client_no_context_takeover", {
                Some("permessage-deflate; server_max_window_bits=10; client_no_context_takeover")
            }),
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", {
                Some("permessage-deflate")
            }),
            ("x", None),
            ("", None),
        ];
        for (offers, expected) in cases {
            let answer = accept_offer(offers).map(|(_, answer)| answer);
            assert_eq!(answer.as_deref(), expected, "{offers}");
        }
    }
}
