//! What is dangerous is asked about before it is sent: on a terminal by a question, from a pipe by a warning.
//!
//! In a protected context the answer is the context's name, and where nobody can be asked it is `--confirm`, as everywhere.

use rbq_client::Request;
use rbq_resp::Value;

use super::editor::Heard;
use super::run::Repl;
use crate::danger::{self, When};
use crate::failure::{Failure, Result, say};

impl Repl {
    /// Asks about what is dangerous.
    pub(super) async fn may_send(&mut self, request: &Request) -> Result<bool> {
        let is_at_stake = self.is_kept || self.place.borrow().embedded.is_none();
        let Some(danger) = danger::of(request).filter(|_| is_at_stake) else {
            return Ok(true);
        };
        let protection = self.place.borrow().protection().map(str::to_owned);
        let is_dangerous = match danger.when {
            When::Always => true,
            When::Protected => protection.is_some(),
            When::ManyKeys => self.has_many_keys().await,
        };
        if !is_dangerous {
            return Ok(true);
        }
        say(&format!("warning: {} {}", danger::name(request), danger.what));
        let is_agreed = match (self.editor.is_terminal, protection) {
            (true, None) => self.agrees("Go on? [y/N] ", |answer| matches!(answer, "y" | "Y" | "yes" | "YES")).await,
            (true, Some(name)) => {
                let question = format!("`{name}` is protected; type its name to go on: ");
                self.agrees(&question, |answer| answer == name).await
            }
            (false, None) => true,
            (false, Some(name)) => {
                let failure = Failure::usage(format!("`{name}` is protected, and there is no terminal to ask on"));
                self.refuse(failure.hint(format!("`--confirm {name}` agrees")));
                false
            }
        };
        if !is_agreed {
            say("nothing was sent");
        }
        Ok(is_agreed)
    }

    async fn agrees(&mut self, question: &str, is_yes: impl Fn(&str) -> bool) -> bool {
        match self.editor.question(question).await {
            Heard::Line(answer) => is_yes(answer.trim()),
            _ => false,
        }
    }

    async fn has_many_keys(&mut self) -> bool {
        match &mut self.talk {
            Some(talk) if talk.is_free() => {
                matches!(talk.link.call(["DBSIZE"]).await, Ok(Value::Integer(keys)) if keys > danger::KEYS_MANY)
            }
            _ => false,
        }
    }
}
