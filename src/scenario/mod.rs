//! A file of records as something to do and to expect: pure, from text to steps, and from what came to
//! whether it was expected. Who sends and waits is `command::check`; who plays the other side is
//! `command::serve`.

mod came;
mod cue;
mod describe;
mod expectation;
mod fields;
mod filter;
mod k6;
mod parse;
mod report;
mod shape;
mod template;

use std::time::Duration;

pub use came::{Came, ended};
pub use cue::{Cue, Part, Speed, parts};
pub use describe::{rounded, took};
pub use expectation::{Awaited, Expectation, Judged};
pub use fields::Mistake;
pub use k6::Untranslated;
pub use parse::{Given, parse};
pub use report::{Explanation, Played, StepDone, StepEnd, Tally, hide};
pub use template::{JsonTemplate, Style, Template, Values, is_variable};

use crate::wire::Kind;

/// How long an expectation waits, unless it says otherwise.
pub const WITHIN: Duration = Duration::from_secs(5);

/// What a file asks for.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it calls itself.
    pub name: Option<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What the file calls its connections; the one without a name is empty. A step names one by its
    /// place here.
    pub conns: Vec<String>,
    /// The first URL in it, for connections that have none.
    pub url: Option<Template>,
    /// What `{{name}}` stands for at the beginning.
    pub values: Values,
}

/// One thing to do or to expect.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line in the file, from 1.
    pub line: u64,
    /// Which connection.
    pub conn: usize,
    /// What.
    pub act: Act,
    /// How long it may take.
    pub within: Duration,
    /// How long after the step before it was recorded.
    pub gap: Duration,
}

/// What a step is.
#[derive(Clone, Debug)]
pub enum Act {
    /// A connection is opened.
    Open(Opening),
    /// We send a message.
    Send(Kind, Content),
    /// We send a Ping.
    Ping(Vec<u8>),
    /// We close; whether the answer is awaited here, because nothing else does.
    Close(crate::wire::Close, bool),
    /// The peer sends something.
    Expect(Box<Expectation>),
    /// The peer sends no message for so long.
    Silence(Duration),
}

/// How a connection is opened.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Where to.
    pub url: Option<Template>,
    /// The subprotocols that are offered.
    pub subprotocols: Vec<String>,
    /// Whether the server must choose one of them.
    pub needs_subprotocol: bool,
    /// Headers, in order.
    pub headers: Vec<(String, Template)>,
    /// The status that the upgrade is refused with.
    pub status: Option<u16>,
    /// How long it may take, if the file says so.
    pub within: Option<Duration>,
}

/// What a message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Text(Template),
    /// JSON.
    Json(JsonTemplate),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Opening {
    /// Whether the server may choose this subprotocol.
    pub fn may_choose(&self, chosen: &str) -> bool {
        !self.needs_subprotocol || self.subprotocols.iter().any(|name| name == chosen)
    }
}

impl Content {
    /// The names in it.
    fn names(&self) -> Vec<&str> {
        match self {
            Content::Text(template) => template.names().collect(),
            Content::Json(template) => template.names().collect(),
            Content::Bytes(_) => Vec::new(),
        }
    }

    /// What is sent.
    pub fn payload(&self, values: &Values) -> Vec<u8> {
        match self {
            Content::Text(template) => template.expand(values, Style::Plain).into_bytes(),
            Content::Json(template) => template.expand(values).into_bytes(),
            Content::Bytes(bytes) => bytes.clone(),
        }
    }
}
