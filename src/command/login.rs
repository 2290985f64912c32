//! From a user as typed to credentials: a missing password is asked for.

use crate::failure::Failure;
use crate::handshake::{Credentials, Login};
use crate::ui::{NoPassword, ask_password};

/// Completes a login of the server (`-u`) or the proxy (`-U`).
///
/// # Errors
/// There is nobody to ask, or nobody answers.
pub fn complete(login: Login, flag: &str, whose: &str) -> Result<Credentials, Failure> {
    let user = login.user;
    let password = match login.password {
        Some(password) => password.0,
        None => {
            let shown = crate::output::escape::one_line(&user);
            let prompt = format!("Enter {whose} password for user '{shown}': ");
            ask_password(&prompt).map_err(|none| match none {
                NoPassword::Interrupted => Failure::Interrupted,
                NoPassword::NoTerminal => Failure::usage(
                    format!("{flag} {shown}: the password is missing, and there is no terminal to ask at"),
                    format!("give it as {flag} USER:PASSWORD; with {flag} USER: it is empty"),
                ),
                NoPassword::Nothing => Failure::usage(
                    format!("{flag} {shown}: no password was typed"),
                    format!("give it as {flag} USER:PASSWORD; with {flag} USER: it is empty"),
                ),
            })?
        }
    };
    Ok(Credentials::new(user, password))
}
