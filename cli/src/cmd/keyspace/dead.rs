//! How many dead letters a queue or a stream has under the name that is theirs by default.
//!
//! Under other names (`--dlq`) only a look at every key finds them, which `rbq dlq` does and one line of many is not worth. So the
//! line says where it has looked.

use rbq_client::{Error, Request};

use super::kind::shown;
use crate::deadletter::SUFFIX;
use crate::facts::number;
use crate::failure::{Failure, Result};
use crate::records::Cell;
use crate::servers::Servers;

/// The number, and for people the name: `3 in orders.dlq`.
///
/// # Errors
/// Of the server.
pub(crate) async fn by_name(servers: &mut Servers, key: &[u8]) -> Result<Cell> {
    let plain = [key, SUFFIX.as_bytes()].concat();
    let tagged = [b"{", key, b"}", SUFFIX.as_bytes()].concat();
    let mut found: Vec<(u64, String)> = Vec::new();
    for name in [&plain, &tagged] {
        let reply = match servers.look(name, Request::new("XLEN").arg(name)).await {
            // The key is there, and only the node where its dead letters would be is not.
            Err(Failure::Server(Error::Connect { .. } | Error::Timeout(_))) => {
                return Ok(Cell::none().with_text(format!("unknown: the node of {} is not to be reached", shown(name))));
            }
            reply => reply?,
        };
        let length = number(&reply).unwrap_or(0);
        if length > 0 {
            found.push((length, shown(name)));
        }
    }
    if found.is_empty() {
        return Ok(Cell::number(0).with_text(format!("0 in {}", shown(&plain))));
    }
    let text: Vec<String> = found.iter().map(|(length, name)| format!("{length} in {name}")).collect();
    Ok(Cell::number(found.iter().map(|(length, _)| *length).sum::<u64>()).with_text(text.join(", ")))
}
