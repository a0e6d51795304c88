//! What destroys or moves in a protected context is asked about before it is sent, as everywhere in `rbq`.
//!
//! redis-cli asks nothing, and so nothing is asked where a server is named in redis-cli's own words (`-h`, `-p`, `-s`, `-u`): no
//! context applies there, and a script for redis-cli runs on. A context is `rbq`'s word, and so is its protection. The commands
//! are those that the REPL asks about.

use rbq_client::Request;

use super::Run;
use super::flags::CliArgs;
use crate::consent::{Answer, ConsentArgs, Plan, confirms};
use crate::danger::{self, When};
use crate::exit::Exit;
use crate::open::Server;

/// Asks in the name of a context, if it is a protected one.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    server: Option<Server>,
    consent: ConsentArgs,
    /// What agrees where nobody can be asked.
    hint: String,
}

impl Guard {
    /// # Errors
    /// `--confirm` names a context that is not in use.
    pub(super) fn new(args: &CliArgs, server: &Server) -> Run<Self> {
        confirms(args.confirm.as_deref(), server.context.as_deref())?;
        let name = server.context.as_deref().unwrap_or_default();
        Ok(Self {
            server: server.protected.then(|| server.clone()),
            consent: ConsentArgs::unless_protected(args.confirm.as_deref()),
            hint: match args.follows_current {
                true => format!("`rbq cli --context {name} --confirm {name}` agrees to the above"),
                false => format!("`--confirm {name}` agrees to the above"),
            },
        })
    }

    /// How to end if a command may not be sent; `None` if it may.
    pub(super) fn objects(&self, request: &Request) -> Run<Option<Exit>> {
        match danger::of(request) {
            Some(danger) if danger.when != When::ManyKeys => {
                self.ask(|| format!("{} {}", danger::name(request), danger.what))
            }
            _ => Ok(None),
        }
    }

    /// The same of requests that nobody looks at.
    pub(super) fn objects_to_pipe(&self) -> Run<Option<Exit>> {
        self.ask(|| "send whatever requests stand on stdin".to_owned())
    }

    fn ask(&self, what: impl FnOnce() -> String) -> Run<Option<Exit>> {
        let Some(server) = &self.server else {
            return Ok(None);
        };
        match self.consent.ask_on(&Plan::new(what()), server) {
            Ok(Answer::Go) => Ok(None),
            Ok(Answer::Stop(exit)) => Ok(Some(exit)),
            Err(failure) => Err(failure.hint(&self.hint).into()),
        }
    }
}
