//! Who we are, where the server wants to know: asked for once, or told by AUTH and HELLO, and remembered for later connections.
//!
//! A password is never echoed. What is typed as an AUTH is seen, but kept out of the history.

use rbq_client::{Credentials, Error, Request};

use super::editor::Heard;
use super::run::Repl;
use crate::failure::{Failure, Result};

impl Repl {
    /// Asks for the password. Without one, or with a wrong one, the prompt opens all the same, as redis-cli's does.
    pub(super) async fn log_in(&mut self) -> Result<()> {
        let heard = self.editor.secret("The server asks for a password (Enter: go on without): ").await;
        if let Heard::Line(password) = heard
            && !password.is_empty()
        {
            let user = None;
            self.place.send_modify(|place| place.target.credentials = Some(Credentials { user, password }));
            match self.connect().await {
                Err(failure @ Failure::Server(Error::Auth(_))) => {
                    let _ = failure.report();
                    self.place.send_modify(|place| place.target.credentials = None);
                    self.connect().await?;
                }
                connected => connected?,
            }
        }
        if self.is_nobody {
            self.show.note(
                "not logged in: `AUTH password` or `AUTH user password` does that, and is kept out of the history",
            );
        }
        Ok(())
    }
}

/// Who a request that was accepted says we are, for the next connection.
pub(super) fn credentials(request: &Request) -> Option<Credentials> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let words: Vec<&[u8]> = request.iter().collect();
    let (user, password) = match words.as_slice() {
        [auth, password] if auth.eq_ignore_ascii_case(b"AUTH") => (None, *password),
        [auth, user, password] if auth.eq_ignore_ascii_case(b"AUTH") => (Some(text(user)?), *password),
        [hello, ..] if hello.eq_ignore_ascii_case(b"HELLO") => {
            let at = words.iter().position(|word| word.eq_ignore_ascii_case(b"AUTH"))?;
            (Some(text(words.get(at + 1)?)?), *words.get(at + 2)?)
        }
        _ => return None,
    };
    Some(Credentials { user, password: text(password)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_we_are_is_read_from_what_was_accepted() {
        let who = |line: &str| credentials(&Request::from(line.split(' '))).map(|who| (who.user, who.password));
        let ann = Some((Some("ann".to_owned()), "pw".to_owned()));
        assert_eq!(who("auth pw"), Some((None, "pw".to_owned())));
        assert_eq!(who("AUTH ann pw"), ann);
        assert_eq!(who("hello 3 setname x auth ann pw"), ann);
        assert_eq!(who("hello 3"), None);
        assert_eq!(who("get auth"), None);
    }
}
