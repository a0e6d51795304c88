//! A command's arguments as COMMAND DOCS tells them: for people, help and completion. What a command takes is its parser's word.

/// One argument of a command's grammar, as COMMAND DOCS tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arg {
    /// What help calls it.
    pub name: &'static str,
    /// Its type.
    pub kind: ArgKind,
    /// The word before it.
    pub token: Option<&'static str>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub many: bool,
    /// Its token is repeated with it.
    pub many_token: bool,
    /// Since which version, if later than the command.
    pub since: Option<&'static str>,
    /// What help shows in place of its name.
    pub display: Option<&'static str>,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArgKind {
    /// Any text.
    String,
    /// A 64-bit integer.
    Integer,
    /// A float.
    Double,
    /// The name of a key.
    Key,
    /// A glob pattern.
    Pattern,
    /// Unix time.
    UnixTime,
    /// A bare word.
    Token,
    /// One of these.
    OneOf(&'static [Arg]),
    /// All of these in order.
    Block(&'static [Arg]),
}

impl ArgKind {
    /// The name COMMAND DOCS shows.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
            Self::OneOf(_) => "oneof",
            Self::Block(_) => "block",
        }
    }
}

impl Arg {
    /// An argument of this kind.
    pub const fn new(name: &'static str, kind: ArgKind) -> Self {
        Self { name, kind, token: None, optional: false, many: false, many_token: false, since: None, display: None }
    }
    /// A key.
    pub const fn key(name: &'static str) -> Self {
        Self::new(name, ArgKind::Key)
    }
    /// Any text.
    pub const fn string(name: &'static str) -> Self {
        Self::new(name, ArgKind::String)
    }
    /// An integer.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ArgKind::Integer)
    }
    /// A float.
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, ArgKind::Double)
    }
    /// A glob pattern.
    pub const fn pattern(name: &'static str) -> Self {
        Self::new(name, ArgKind::Pattern)
    }
    /// Unix time.
    pub const fn unix_time(name: &'static str) -> Self {
        Self::new(name, ArgKind::UnixTime)
    }
    /// A bare word; `name` is its lower-case name in COMMAND DOCS.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self { token: Some(token), ..Self::new(name, ArgKind::Token) }
    }
    /// One of `choices`.
    pub const fn one_of(name: &'static str, choices: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::OneOf(choices))
    }
    /// All of `parts` in order.
    pub const fn block(name: &'static str, parts: &'static [Arg]) -> Self {
        Self::new(name, ArgKind::Block(parts))
    }
    /// With this word before it.
    pub const fn after(self, token: &'static str) -> Self {
        Self { token: Some(token), ..self }
    }
    /// It may be left out.
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
    /// It may be repeated.
    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }
    /// It may be repeated, each time with its token.
    pub const fn many_with_token(self) -> Self {
        Self { many: true, many_token: true, ..self }
    }
    /// Shown in help as this rather than by its name.
    pub const fn shown_as(self, text: &'static str) -> Self {
        Self { display: Some(text), ..self }
    }
    /// Since this version, later than the command.
    pub const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }
}
