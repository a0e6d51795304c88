//! Where the REPL is: a server and a database of it, or the broker in this process.

use rbq_client::{Error, Link, Options, Target};

use crate::embedded::Embedded;

/// Where connections lead.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) target: Target,
    /// The broker in this process, instead of the target's endpoint.
    pub(super) embedded: Option<Embedded>,
}

impl Place {
    pub(super) fn server(target: Target) -> Self {
        Self { target, embedded: None }
    }

    pub(super) fn embedded(embedded: Embedded) -> Self {
        Self { target: Target::default(), embedded: Some(embedded) }
    }

    /// A new connection, greeted.
    pub(super) async fn link(&self) -> Result<Link, Error> {
        let options = Options::default();
        match &self.embedded {
            None => Link::connect(&self.target, &options).await,
            Some(embedded) => {
                let mut link = Link::over(embedded.connect(), &options);
                link.greet(&self.target, &options).await?;
                Ok(link)
            }
        }
    }

    /// As the prompt shows it, the database included.
    pub(super) fn name(&self) -> String {
        let db = if self.target.db > 0 { format!("[{}]", self.target.db) } else { String::new() };
        match &self.embedded {
            Some(_) => format!("embedded{db}"),
            None => format!("{}{db}", self.target.endpoint),
        }
    }
}
