//! CONFIG REWRITE: the settings in force, back into the file they were read from.
//!
//! The file's own lines, order and comments stay; a parameter that differs from what the file says is changed in
//! place, and one that the file does not name is added only if it differs from its default. The new file is written
//! beside the old one and renamed over it, so that a crash leaves one or the other; once it is answered, the new one.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use rbq_broker::Settings;
use rbq_broker::settings::PARAMETERS;
use toml_edit::{DocumentMut, Item, Value};

/// Writes `settings` into `path`.
pub(crate) fn rewrite(path: &Path, settings: &Settings) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = rewritten(&text, settings)?;
    let beside = path.with_extension("toml.new");
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(new.as_bytes())?;
        file.sync_all()
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&beside);
        return Err(error).with_context(|| format!("cannot write {}", beside.display()));
    }
    std::fs::rename(&beside, path).with_context(|| format!("cannot replace {}", path.display()))?;
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = std::fs::File::open(above).and_then(|above| above.sync_all());
    synced.with_context(|| format!("cannot sync {}", above.display()))
}

fn rewritten(text: &str, settings: &Settings) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let defaults = Settings::default();
    for parameter in PARAMETERS {
        let shown = (parameter.show)(settings);
        let mut filed = defaults.clone();
        let is_named = document.contains_key(parameter.name);
        if let Some(item) = document.get(parameter.name) {
            // By its value: what `to_string` gives has the comment behind it, too.
            let written = match (item.as_str(), item.as_bool(), item.as_integer()) {
                (Some(text), ..) => text.to_owned(),
                (_, Some(true), _) => "yes".into(),
                (_, Some(false), _) => "no".into(),
                (.., Some(number)) => number.to_string(),
                _ => item.to_string().trim().to_owned(),
            };
            let _ = (parameter.set)(&mut filed, &written);
        }
        if shown != (parameter.show)(&filed) || (is_named && document[parameter.name].is_none()) {
            let mut new = shown.parse::<i64>().map_or_else(|_| Value::from(shown), Value::from);
            if let Some(old) = document.get(parameter.name).and_then(Item::as_value) {
                // The comment behind it.
                *new.decor_mut() = old.decor().clone();
            }
            document[parameter.name] = Item::Value(new);
        }
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_order_stay_and_only_differences_are_written() {
        let mut settings = Settings::default();
        for (name, value) in [("maxclients", "7"), ("timeout", "30"), ("maxmemory", "1gb")] {
            let parameter = Settings::parameter(name).expect("it is a parameter");
            (parameter.set)(&mut settings, value).expect("it is allowed");
        }
        let text = "# how many\nmaxclients = 5 # so many\nmaxmemory = \"1gb\" # enough\nappendonly = true # safe\n";
        let new = rewritten(text, &settings).expect("the file is TOML");
        assert_eq!(
            new,
            "# how many\nmaxclients = 7 # so many\nmaxmemory = \"1gb\" # enough\nappendonly = true # safe\ntimeout = 30\n"
        );
        settings.appendonly.0 = false;
        let new = rewritten(text, &settings).expect("the file is TOML");
        assert!(new.contains("\nappendonly = \"no\" # safe\n"), "{new}");
    }
}
