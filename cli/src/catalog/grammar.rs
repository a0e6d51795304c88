//! The arguments of a command as a tree, and how a person reads them: the notation of the Redis manual.
//!
//! `[x]` optional, `<a | b>` one of, `x [x ...]` one or more. What is left of a repetition after its first time is `[x ...]`.
//! The tree is what `COMMAND DOCS` tells; [`follow`](super::follow) walks along it as somebody types.

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arg {
    /// What it is: `key`, `group`, `consumer`.
    pub(crate) name: String,
    /// What help calls it.
    pub(crate) shown: String,
    pub(crate) kind: Kind,
    /// The word before it; the word itself if its kind is [`Kind::Token`].
    pub(crate) token: Option<String>,
    pub(crate) presence: Presence,
    pub(crate) times: Times,
}

/// What an argument consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Number,
    Text,
    /// A bare word.
    Token,
    OneOf(Vec<Arg>),
    Block(Vec<Arg>),
}

/// Whether it may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// How often it may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    /// Once or more; the token, if it has one, only before the first.
    Many,
    /// Once or more, each time with its token.
    ManyWithToken,
    /// It came already, and may come again.
    Again,
}

impl Arg {
    /// A value without anything special.
    #[cfg(test)]
    pub(crate) fn value(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            shown: name.to_owned(),
            kind,
            token: None,
            presence: Presence::Required,
            times: Times::Once,
        }
    }

    /// In the notation of the manual.
    pub(crate) fn notation(&self) -> String {
        let is_optional = self.presence == Presence::Optional;
        let body = match &self.kind {
            Kind::Token => None,
            // Brackets of the option itself hold the choice together already.
            Kind::OneOf(choices) if is_optional && self.token.is_none() && self.times == Times::Once => {
                Some(notations(choices, " | "))
            }
            Kind::OneOf(choices) => Some(format!("<{}>", notations(choices, " | "))),
            Kind::Block(parts) => Some(notations(parts, " ")),
            _ => Some(self.shown.clone()),
        };
        let token = self.token.as_deref().map(|token| if token.is_empty() { "\"\"" } else { token });
        let once: Vec<&str> = token.into_iter().chain(body.as_deref()).collect();
        let once = once.join(" ");
        let whole = match (self.times, body) {
            (Times::Many, Some(body)) => format!("{once} [{body} ...]"),
            (Times::ManyWithToken, _) => format!("{once} [{once} ...]"),
            (Times::Again, _) => return format!("[{once} ...]"),
            _ => once,
        };
        if is_optional { format!("[{whole}]") } else { whole }
    }

    /// Every bare word in it.
    pub(crate) fn tokens<'a>(&'a self, found: &mut Vec<&'a str>) {
        found.extend(self.token.as_deref());
        if let Kind::OneOf(parts) | Kind::Block(parts) = &self.kind {
            parts.iter().for_each(|part| part.tokens(found));
        }
    }
}

/// All of them in a line.
pub(crate) fn notations(args: &[Arg], between: &str) -> String {
    args.iter().map(Arg::notation).collect::<Vec<_>>().join(between)
}
