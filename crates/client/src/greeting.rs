//! The first words on a connection: which protocol, who we are, which database.
//!
//! ```text
//!   HELLO 3 [AUTH user password] [SETNAME name]      Redis 6 and later: one round trip
//!       └─ unknown command, NOPROTO ─► AUTH, CLIENT SETNAME: RESP2, every server
//!   SELECT db                                        if it is not 0
//! ```
//!
//! A refused password is told from every other refusal, because it is the one a person can put right.

use rbq_resp::{Proto, Value};

use crate::error::{Error, ErrorReply, Result};
use crate::{Credentials, Link, Options, Protocol, Request, Target};

/// What a greeting settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeted {
    pub(crate) proto: Proto,
    pub(crate) client_id: Option<i64>,
}

impl Greeted {
    pub(crate) const SILENT: Self = Self { proto: Proto::Resp2, client_id: None };
}

pub(crate) async fn greet(link: &mut Link, target: &Target, options: &Options) -> Result<Greeted> {
    let credentials = target.credentials.as_ref();
    let name = options.client_name.as_deref();
    let greeted = match options.protocol {
        Protocol::Resp2 => None,
        Protocol::Newest | Protocol::Resp3 => hello(link, credentials, name, options.protocol).await?,
    };
    let greeted = match greeted {
        Some(greeted) => greeted,
        None => {
            old_greeting(link, credentials, name).await?;
            Greeted::SILENT
        }
    };
    if target.db > 0 {
        accepted("SELECT", link.call(["SELECT", &target.db.to_string()]).await?)?;
    }
    Ok(greeted)
}

/// `HELLO 3`; `None` if the server does not know it and RESP2 will do.
async fn hello(
    link: &mut Link,
    credentials: Option<&Credentials>,
    name: Option<&str>,
    protocol: Protocol,
) -> Result<Option<Greeted>> {
    let mut request = Request::from(["HELLO", "3"]);
    if let Some(credentials) = credentials {
        // HELLO has no form without a user; a server without ACLs has no HELLO either.
        request.extend(["AUTH", credentials.user.as_deref().unwrap_or("default"), &credentials.password]);
    }
    if let Some(name) = name {
        request.extend(["SETNAME", name]);
    }
    match link.call(request).await? {
        Value::Error(text) => {
            let reply = ErrorReply(text);
            if is_refused_login(&reply) {
                return Err(Error::Auth(reply));
            }
            let old_server = reply.code() == "NOPROTO" || reply.text().starts_with("ERR unknown command");
            match protocol {
                Protocol::Newest if old_server => Ok(None),
                _ => Err(Error::Handshake { command: "HELLO", reply }),
            }
        }
        greeting => Ok(Some(Greeted { proto: Proto::Resp3, client_id: client_id(&greeting) })),
    }
}

async fn old_greeting(link: &mut Link, credentials: Option<&Credentials>, name: Option<&str>) -> Result<()> {
    if let Some(Credentials { user, password }) = credentials {
        let request = Request::new("AUTH").args(user.as_deref()).arg(password);
        if let Value::Error(text) = link.call(request).await? {
            return Err(Error::Auth(ErrorReply(text)));
        }
    }
    if let Some(name) = name {
        accepted("CLIENT SETNAME", link.call(["CLIENT", "SETNAME", name]).await?)?;
    }
    Ok(())
}

fn accepted(command: &'static str, reply: Value) -> Result<()> {
    match reply {
        Value::Error(text) => {
            let reply = ErrorReply(text);
            // Without credentials the first command is the one that is told so.
            if is_refused_login(&reply) { Err(Error::Auth(reply)) } else { Err(Error::Handshake { command, reply }) }
        }
        _ => Ok(()),
    }
}

fn is_refused_login(reply: &ErrorReply) -> bool {
    matches!(reply.code(), "WRONGPASS" | "NOAUTH" | "NOPERM")
}

fn client_id(greeting: &Value) -> Option<i64> {
    let Value::Map(fields) = greeting else {
        return None;
    };
    fields.iter().find_map(|(field, value)| match (field, value) {
        (Value::Bulk(name), Value::Integer(id)) if name == "id" => Some(*id),
        _ => None,
    })
}
