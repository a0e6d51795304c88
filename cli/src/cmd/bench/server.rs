//! Whom a measurement is of: which server, and what its `OK` promises. A rate without that means nothing.

use rbq_client::{Error, Link};
use rbq_resp::Value;

use crate::failure::Result;

/// The name and version that the server gives itself.
pub(super) async fn name(link: &mut Link) -> Result<String> {
    let info = match link.call(["INFO", "server"]).await? {
        Value::Error(text) => return Err(Error::from_error_reply(text).into()),
        value => String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned(),
    };
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    // The others name the version of Redis they are like as well.
    let known =
        ["rbq", "valkey", "redis"].iter().find_map(|server| Some((server, field(&format!("{server}_version"))?)));
    Ok(known.map_or_else(|| "unknown".to_owned(), |(server, version)| format!("{server} {version}")))
}

/// What a crash can take of what was acknowledged, from the settings in force.
pub(super) async fn durability(link: &mut Link) -> Result<String> {
    let appendonly = setting(link, "appendonly").await?;
    let appendfsync = setting(link, "appendfsync").await?;
    Ok(in_words(appendonly.as_deref(), appendfsync.as_deref()))
}

fn in_words(appendonly: Option<&str>, appendfsync: Option<&str>) -> String {
    match (appendonly, appendfsync) {
        (Some("no"), _) => "appendonly no: in memory, a crash takes all".to_owned(),
        (Some("yes"), Some("always")) => "appendfsync always: what is acknowledged is on disk".to_owned(),
        (Some("yes"), Some("everysec")) => "appendfsync everysec: a power cut takes the last second".to_owned(),
        (Some("yes"), Some("no")) => "appendfsync no: a power cut takes what the system had not written".to_owned(),
        _ => "unknown: the server does not say (CONFIG GET appendonly, appendfsync)".to_owned(),
    }
}

/// One parameter; none if the server has no such, or does not tell us.
async fn setting(link: &mut Link, name: &str) -> Result<Option<String>> {
    let value = match link.call(["CONFIG", "GET", name]).await? {
        Value::Map(pairs) => pairs.into_iter().next().map(|(_, value)| value),
        Value::Array(values) => values.into_iter().nth(1),
        _ => None,
    };
    Ok(value.and_then(|value| Some(String::from_utf8_lossy(value.as_bytes()?).into_owned())))
}
