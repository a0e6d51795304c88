//! Changing a message on its way: `--set field=value`, `--jq`.
//!
//! What is changed is the message alone. Its provenance, and the hash of what it was, stay as they are, so that one can always
//! tell that it is not what the producer sent.

use bytes::Bytes;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::deadletter::Field;
use crate::failure::{Failure, Result};
use crate::jq::Jq;
use crate::print::message;

/// The options that change messages.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct ChangeArgs {
    /// Give this field this value; may be given several times (a queue's message is the field `data`)
    #[arg(long, value_name = "FIELD=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Replace the fields by what this jq expression makes of them: '.amount |= (tonumber * 100 | tostring)'
    #[arg(long, value_name = "JQ")]
    jq: Option<String>,
}

/// Changes as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Changes {
    set: Vec<(String, String)>,
    jq: Option<String>,
}

/// Changes that can be made.
#[derive(Debug)]
pub(crate) struct Changer {
    set: Vec<(String, String)>,
    jq: Option<Jq>,
}

fn assignment(text: &str) -> std::result::Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is no `field=value`"))?;
    Ok((field.to_owned(), value.to_owned()))
}

impl ChangeArgs {
    pub(crate) fn changes(&self) -> Changes {
        Changes { set: self.set.clone(), jq: self.jq.clone() }
    }
}

impl Changes {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// In words, for a plan.
    pub(crate) fn shown(&self) -> String {
        let sets = self.set.iter().map(|(field, value)| format!("{field}={value}"));
        sets.chain(self.jq.clone()).collect::<Vec<_>>().join(", ")
    }

    /// # Errors
    /// An expression that is none.
    pub(crate) fn compile(&self) -> Result<Changer> {
        let jq = self.jq.as_deref().map(Jq::compile).transpose().map_err(Failure::usage)?;
        Ok(Changer { set: self.set.clone(), jq })
    }
}

impl Changer {
    /// The changed fields.
    ///
    /// # Errors
    /// Why the jq expression gives no message for this one, in a sentence.
    pub(crate) fn change(&self, fields: &[Field]) -> std::result::Result<Vec<Field>, String> {
        let mut fields = match &self.jq {
            Some(jq) => transformed(jq, fields)?,
            None => fields.to_vec(),
        };
        for (name, value) in &self.set {
            let value = Bytes::from(value.clone());
            match fields.iter_mut().find(|(found, _)| found == name) {
                Some(field) => field.1 = value,
                None => fields.push((Bytes::from(name.clone()), value)),
            }
        }
        Ok(fields)
    }
}

/// A field whose value the expression left alone keeps its bytes and its place; new ones follow in the order in which it gives them.
fn transformed(jq: &Jq, fields: &[Field]) -> std::result::Result<Vec<Field>, String> {
    let before = message::json_fields(fields);
    let mut values = jq.run(&before)?;
    let (Some(Json::Object(mut after)), true) = (values.pop(), values.is_empty()) else {
        return Err("the jq expression gives something else than one object".to_owned());
    };
    let mut changed = Vec::with_capacity(after.len());
    for (name, value) in fields {
        let text = String::from_utf8_lossy(name);
        match after.get(&*text) {
            Some(new) if before.get(&*text) == Some(new) => changed.push((name.clone(), value.clone())),
            Some(_) => changed.push((name.clone(), value_of(&after.shift_remove(&*text).expect("it was just there")))),
            None => {}
        }
    }
    let known = |name: &String| fields.iter().any(|(found, _)| found == name.as_str());
    let new = after.into_iter().filter(|(name, _)| !known(name));
    changed.extend(new.map(|(name, value)| (Bytes::from(name), value_of(&value))));
    if changed.is_empty() {
        return Err("the jq expression leaves no field".to_owned());
    }
    Ok(changed)
}

/// A string as it is, anything else as JSON.
fn value_of(json: &Json) -> Bytes {
    message::from_json(json).unwrap_or_else(|| Bytes::from(json.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(pairs: &[(&'static str, &'static str)]) -> Vec<Field> {
        pairs.iter().map(|(name, value)| (Bytes::from(*name), Bytes::from(*value))).collect()
    }

    fn changed(set: &[&str], jq: Option<&str>) -> std::result::Result<Vec<Field>, String> {
        let set = set.iter().map(|text| assignment(text).unwrap()).collect();
        let changes = Changes { set, jq: jq.map(str::to_owned) };
        changes.compile().unwrap().change(&fields(&[("z", "1"), ("a", "x"), ("n", "2")]))
    }

    #[test]
    fn a_field_is_set_where_it_stands_or_added() {
        let expected = fields(&[("z", "1"), ("a", "y=z"), ("n", "2"), ("new", "")]);
        assert_eq!(changed(&["a=y=z", "new="], None).unwrap(), expected);
        assert!(assignment("no").is_err());
    }

    #[cfg(feature = "jq")]
    #[test]
    fn jq_changes_what_it_names_and_nothing_else() {
        let expression = "del(.n) | .z |= (tonumber + 1) | .more = {b: 1}";
        assert_eq!(changed(&[], Some(expression)).unwrap(), fields(&[("z", "2"), ("a", "x"), ("more", r#"{"b":1}"#)]));
        assert_eq!(changed(&[], Some(".")).unwrap(), fields(&[("z", "1"), ("a", "x"), ("n", "2")]));
        for expression in ["1", "empty", ".,.", "{}"] {
            assert!(changed(&[], Some(expression)).is_err(), "{expression}");
        }
    }
}
