//! How the connections of scenarios are opened.

use std::io::{self, Write as _};

use tokio::time::sleep;

use crate::command::serve;
use crate::command::setback::Tries;
use crate::failure::Failure;
use crate::handshake::{HeaderLine, Jar, Location, Step as Stage, Target};
use crate::net::{self, How, Opened};
use crate::policy::retry::Retry;
use crate::scenario::{Act, Opening, Scenario, Step, Style, Template, Values, hide};
use crate::ui::Voice;

/// How connections are opened.
#[derive(Debug)]
pub struct Way {
    /// `--url`.
    pub target: Option<Target>,
    /// The same as it is shown.
    pub url: Option<String>,
    /// The flags about the opening.
    pub how: How,
    /// When it is tried again.
    pub retry: Retry,
    /// The cookies of files.
    pub jar: Option<Jar>,
    /// The largest message that is taken.
    pub max_message: Option<u64>,
    /// How much is said.
    pub voice: Voice,
}

impl Way {
    /// A step in one line.
    pub fn describe(&self, scenario: &Scenario, step: &Step) -> String {
        match (&step.act, &self.url) {
            (Act::Open(opening), Some(url)) => {
                let url = Some(Template::literal(url));
                let act = Act::Open(Opening { url, ..opening.clone() });
                scenario.describe(&Step { act, ..step.clone() })
            }
            _ => scenario.describe(step),
        }
    }

    /// What a failure of a step was, and what can be done, in lines.
    pub fn explain(&self, failure: &Failure) -> Vec<String> {
        let said = match failure {
            Failure::Refused(refusal) => self.voice.refusal(refusal),
            _ => String::new(),
        };
        let hint = failure.hint().map(|hint| format!("hint: {hint}"));
        [format!("{failure}{said}")].into_iter().chain(hint).collect()
    }

    /// Opens a connection, as often as it may help; `usual` is where to, unless something else is said.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn open(
        &self,
        opening: &Opening,
        usual: Option<&Template>,
        values: &Values,
    ) -> Result<Opened, Failure> {
        let mut how = self.how(opening, values)?;
        let location = serve::locate(self.target(opening, usual, values)?, &mut how).await?;
        let say = |text: String| {
            // Where nobody reads there is nobody to tell.
            let _ = io::stderr().lock().write_all(hide(text, values.secrets()).as_bytes());
        };
        let mut tries = Tries::begin(self.retry, opening.status);
        loop {
            let failure = match self.try_once(&location, &how, &say).await {
                Ok(opened) => return Ok(opened),
                Err(failure) => failure,
            };
            let Some((pause, left)) = tries.next(&failure) else { return Err(failure) };
            say(self.voice.retry(&failure, pause, Some(left)));
            sleep(pause).await;
        }
    }

    async fn try_once(
        &self,
        location: &Location,
        how: &How,
        say: &impl Fn(String),
    ) -> Result<Opened, Failure> {
        let mut jar = self.jar.clone();
        let mut tell = |stage: Stage<'_>| {
            let text = self.voice.step(&stage);
            if !text.is_empty() {
                say(text);
            }
        };
        net::open(location, how, jar.as_mut(), &mut tell).await
    }

    fn how(&self, opening: &Opening, values: &Values) -> Result<How, Failure> {
        let mut how = self.how.clone();
        if how.request.subprotocols.is_empty() {
            how.request.subprotocols.clone_from(&opening.subprotocols);
        }
        for (name, value) in &opening.headers {
            let value = value.expand(values, Style::Plain);
            let header = HeaderLine::parse(&format!("{name}: {value}")).map_err(|why| {
                let hint = "look at what its names stand for";
                Failure::usage(format!("the header {name}: {why}"), hint)
            })?;
            how.request.headers.push(header);
        }
        if opening.within.is_some() {
            // The step as a whole has a limit.
            how.limits.connect_timeout = None;
        }
        Ok(how)
    }

    fn target(
        &self,
        opening: &Opening,
        usual: Option<&Template>,
        values: &Values,
    ) -> Result<Target, Failure> {
        if let Some(target) = &self.target {
            return Ok(target.clone());
        }
        let url = opening.url.as_ref().or(usual);
        let url = url.map(|url| url.expand(values, Style::Plain)).unwrap_or_default();
        Ok(Target::parse(&url)?)
    }
}
