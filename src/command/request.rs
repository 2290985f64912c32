//! From the flags, files and the environment to how a server is reached and what it is asked.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use hyper::header::{HeaderValue, SEC_WEBSOCKET_EXTENSIONS};

use super::login::complete;
use super::plan::limit;
use super::trust::{proxy_tls_options, tls_options};
use crate::cli::{OpeningArgs, ProxyArgs};
use crate::failure::Failure;
use crate::handshake::{HeaderLine, Netrc, Proxies, Redirects, Request, Secret};
use crate::net::{How, Http, Limits};

/// Headers that are sent: more than any server takes.
const MAX_HEADERS: usize = 1000;

/// Whether a password has to be typed.
pub fn asks_for_password(arguments: &OpeningArgs) -> bool {
    let logins = [arguments.user.as_ref(), arguments.proxy.proxy_user.as_ref()];
    logins.into_iter().flatten().any(|login| login.password.is_none())
}

/// How the server is reached, and what it is asked.
///
/// # Errors
/// What cannot be obeyed, or read.
pub fn how(arguments: OpeningArgs) -> Result<How, Failure> {
    let headers = header_lines("-H", &arguments.headers)?;
    let is_extensions = |line: &HeaderLine| *line.name() == SEC_WEBSOCKET_EXTENSIONS;
    if arguments.compress.is_some() && headers.iter().any(is_extensions) {
        return Err(Failure::usage(
            "-H Sec-WebSocket-Extensions and --compress are about the same header",
            "--compress offers what can be spoken here; -H is for servers that are to refuse",
        ));
    }
    let http = match (arguments.http2_prior_knowledge, arguments.http2) {
        (true, _) => Http::Two,
        (false, true) => Http::OfferTwo,
        (false, false) => Http::One,
    };
    Ok(How {
        detours: arguments.network.detours(),
        limits: Limits {
            connect_timeout: limit(arguments.network.connect_timeout()),
            tcp_keepalive: arguments.network.keepalive_time(),
            unsent: None,
        },
        http,
        redirects: arguments.location.then_some(Redirects {
            most: u64::try_from(arguments.max_redirs()).ok(),
            downgrade: arguments.allow_downgrade,
        }),
        proxies: proxies(&arguments.proxy)?,
        proxy_tls: proxy_tls_options(&arguments.proxy),
        tls: tls_options(arguments.tls)?,
        request: Request {
            headers,
            origin: arguments.origin,
            subprotocols: arguments.subprotocols,
            user_agent: arguments.user_agent,
            credentials: arguments.user.map(|user| complete(user, "-u", "host")).transpose()?,
            bearer: arguments.oauth2_bearer.as_ref().map(bearer).transpose()?,
            netrc: netrc_file(arguments.netrc, arguments.netrc_file)
                .map(|file| netrc(&file))
                .transpose()?,
            compress: arguments.compress,
            cookies: given_cookies(&arguments.cookies)?,
        },
    })
}

/// What the flags and the environment say about proxies.
fn proxies(arguments: &ProxyArgs) -> Result<Proxies, Failure> {
    let variable = |name: &str| env::var(name).ok();
    let proxy = arguments.proxy.as_ref().map(|Secret(proxy)| proxy.as_str());
    let proxies = Proxies::new(proxy, arguments.noproxy.clone(), variable)?;
    let login = arguments.proxy_user.clone();
    let credentials = login.map(|login| complete(login, "-U", "proxy")).transpose()?;
    let headers = header_lines("--proxy-header", &arguments.proxy_headers)?;
    Ok(Proxies { credentials, headers, ..proxies })
}

/// The headers of `-H` or `--proxy-header`, those in files too. What is wrong with one is said by its
/// place: its words may be secret.
pub fn header_lines(flag: &str, given: &[Secret]) -> Result<Vec<HeaderLine>, Failure> {
    let mut lines = Vec::new();
    for (number, Secret(typed)) in given.iter().enumerate() {
        match typed.strip_prefix('@') {
            Some(file) => header_file(flag, file, &mut lines)?,
            None => lines.push(header_line(typed, || format!("{flag}, number {}", number + 1))?),
        }
    }
    if lines.len() > MAX_HEADERS {
        let what = format!("{flag}: there are {} headers", lines.len());
        return Err(Failure::usage(what, format!("at most {MAX_HEADERS} are sent")));
    }
    Ok(lines)
}

fn header_file(flag: &str, file: &str, lines: &mut Vec<HeaderLine>) -> Result<(), Failure> {
    let text = match file {
        "-" => io::read_to_string(io::stdin()),
        file => fs::read_to_string(file),
    };
    let text =
        text.map_err(|error| Failure::ReadInput { name: format!("{flag} @{file}"), error })?;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        lines.push(header_line(line, || format!("{flag} @{file}, line {}", number + 1))?);
    }
    Ok(())
}

fn header_line(text: &str, place: impl Fn() -> String) -> Result<HeaderLine, Failure> {
    HeaderLine::parse(text).map_err(|what| {
        Failure::usage(format!("{}: {what}", place()), "a header looks like 'Name: value'")
    })
}

/// The value of the Authorization header for a token, which no error shows.
fn bearer(Secret(token): &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
        let what = "--oauth2-bearer: the token has a character that no header may have";
        Failure::usage(what, "is there a newline at its end?")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The netrc file that is asked for: the given one, or the usual one.
fn netrc_file(usual: bool, given: Option<PathBuf>) -> Option<PathBuf> {
    let home = || env::home_dir().unwrap_or_default().join(".netrc");
    let of_variable = env::var_os("NETRC").filter(|file| !file.is_empty()).map(PathBuf::from);
    given.or_else(|| usual.then(|| of_variable.unwrap_or_else(home)))
}

fn netrc(file: &Path) -> Result<Netrc, Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::ReadInput { name: name.clone(), error })?;
    Netrc::parse(&text).map_err(|(line, what)| {
        let hint = "its lines look like: machine HOST login USER password PASSWORD";
        Failure::BadFile { what: format!("{name}, line {line}: {what}"), hint }
    })
}

/// Whether a `-b` is cookies themselves, and not the name of a file.
pub fn is_cookies(given: &str) -> bool {
    given.contains('=')
}

fn given_cookies(given: &[Secret]) -> Result<Option<HeaderValue>, Failure> {
    let texts: Vec<_> = given
        .iter()
        .map(|Secret(given)| given.trim_matches([';', ' ']))
        .filter(|given| is_cookies(given))
        .collect();
    if texts.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::from_str(&texts.join("; ")).map_err(|_| {
        Failure::usage(
            "-b: a cookie has a character that no header may have",
            "is there a newline in it?",
        )
    })?;
    value.set_sensitive(true);
    Ok(Some(value))
}
