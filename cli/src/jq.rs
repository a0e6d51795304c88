//! jq expressions, compiled once and run on many messages.
//!
//! jaq runs in this process: a re-drive of a hundred thousand messages cannot start a program for each. It is behind the
//! feature `jq`, because it is the largest part of the program that not everybody needs; without it an expression is refused
//! when it is read, not when it would be run.

use serde_json::Value as Json;

/// What helps where an expression fails on a message.
pub(crate) const FAILED_HINT: &str =
    "`?` and `//` say what holds where something is missing: `(.fields.amount // 0 | tonumber) > 100`";

/// A compiled expression.
pub(crate) struct Jq {
    code: String,
    program: inner::Program,
}

impl std::fmt::Debug for Jq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jq")
    }
}

impl Jq {
    /// Compiles.
    ///
    /// # Errors
    /// What is wrong with the expression, in a sentence.
    pub(crate) fn compile(code: &str) -> Result<Self, String> {
        let program = inner::compile(code).map_err(|why| format!("`{code}` is no jq expression: {why}"))?;
        Ok(Self { code: code.to_owned(), program })
    }

    /// Every value that the expression gives for this input.
    ///
    /// # Errors
    /// What the expression, or jq, had to say against the input.
    pub(crate) fn run(&self, input: &Json) -> Result<Vec<Json>, String> {
        inner::run(&self.program, input)
    }

    /// Whether it gives something, and nothing in it is `false` or `null`.
    ///
    /// # Errors
    /// Why it cannot be told for this input. That is no `false`: what does not hold is left out or acknowledged unseen, and an
    /// expression with a mistake in it would do so with every message.
    pub(crate) fn holds(&self, input: &Json) -> Result<bool, String> {
        let values = self.run(input).map_err(|why| format!("`{}` fails: {why}", self.code))?;
        Ok(!values.is_empty() && values.iter().all(|value| !matches!(value, Json::Null | Json::Bool(false))))
    }
}

#[cfg(feature = "jq")]
mod inner {
    use jaq_core::load::{Arena, File, Loader};
    use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
    use jaq_json::{Val, read};
    use serde_json::Value as Json;

    pub(super) type Program = Filter<JustLut<Val>>;

    pub(super) fn compile(code: &str) -> Result<Program, String> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs).load(&arena, File { code, path: () });
        let modules = modules.map_err(|_| "it does not parse".to_owned())?;
        Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
            let names = errors.iter().flat_map(|(_, undefined)| undefined).map(|(name, _)| format!("`{name}`"));
            format!("there is no {}", names.collect::<Vec<_>>().join(", "))
        })
    }

    pub(super) fn run(program: &Program, input: &Json) -> Result<Vec<Json>, String> {
        // Through text: jaq has numbers of its own, and what serde_json writes it reads.
        let value = read::parse_single(input.to_string().as_bytes()).map_err(|error| error.to_string())?;
        let context = Ctx::<JustLut<Val>>::new(&program.lut, Vars::new([]));
        program
            .id
            .run((context, value))
            .map(unwrap_valr)
            .map(|value| json(&value.map_err(|e| e.to_string())?))
            .collect()
    }

    fn json(value: &Val) -> Result<Json, String> {
        serde_json::from_str(&value.to_string()).map_err(|_| format!("`{value}` is nothing that JSON has"))
    }
}

#[cfg(not(feature = "jq"))]
mod inner {
    use serde_json::Value as Json;

    pub(super) enum Program {}

    pub(super) fn compile(_: &str) -> Result<Program, String> {
        Err("this rbq was built without jq".to_owned())
    }

    pub(super) fn run(program: &Program, _: &Json) -> Result<Vec<Json>, String> {
        match *program {}
    }
}

#[cfg(all(test, feature = "jq"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_holds_is_neither_false_nor_null_and_an_error_is_neither() {
        let input = serde_json::json!({ "fields": { "amount": "120" }, "attempts": [1, 2] });
        for (code, expected) in [
            (".attempts | length > 1", true),
            (".fields.amount | tonumber > 200", false),
            (".missing", false),
            ("empty", false),
            ("true, false", false),
            ("0", true),
        ] {
            assert_eq!(Jq::compile(code).unwrap().holds(&input), Ok(expected), "{code}");
        }
        let failed = Jq::compile(".fields.nope | tonumber > 1").unwrap().holds(&input).unwrap_err();
        assert!(failed.starts_with("`.fields.nope | tonumber > 1` fails: "), "{failed}");
    }

    #[test]
    fn values_come_out_as_they_are() {
        let program = Jq::compile(".n, {a: .s}").unwrap();
        let values = program.run(&serde_json::json!({ "n": 9_007_199_254_740_993_u64, "s": "ü\n" })).unwrap();
        assert_eq!(Json::from(values).to_string(), r#"[9007199254740993,{"a":"ü\n"}]"#);
    }

    #[test]
    fn what_is_no_expression_is_told() {
        for (code, expected) in [
            ("nosuch", "`nosuch` is no jq expression: there is no `nosuch`"),
            ("(", "`(` is no jq expression: it does not parse"),
        ] {
            assert_eq!(Jq::compile(code).unwrap_err(), expected);
        }
    }
}
