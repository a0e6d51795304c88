//! Where the REPL is: a server and a database of it, or the broker in this process.

use rbq_client::{Error, Link, Options, Target};

use crate::embedded::Embedded;
use crate::open::Server;

/// Where connections lead.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) target: Target,
    /// The context that it comes from, if it comes from one.
    context: Option<String>,
    is_protected: bool,
    /// The broker in this process, instead of the target's endpoint.
    pub(super) embedded: Option<Embedded>,
}

impl Place {
    pub(super) fn server(server: Server) -> Self {
        let Server { target, context, protected } = server;
        Self { target, context, is_protected: protected, embedded: None }
    }

    pub(super) fn embedded(embedded: Embedded) -> Self {
        Self { embedded: Some(embedded), ..Self::server(Server::default()) }
    }

    /// The context whose name must be typed before something dangerous is done.
    pub(super) fn protection(&self) -> Option<&str> {
        self.context.as_deref().filter(|_| self.is_protected)
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

    /// A new connection on which nobody has said who we are.
    pub(super) async fn link_of_nobody(&self) -> Result<Link, Error> {
        Link::connect_silently(&self.target, &Options::default()).await
    }

    /// As the prompt shows it, the database included.
    pub(super) fn name(&self) -> String {
        let db = if self.target.db > 0 { format!("[{}]", self.target.db) } else { String::new() };
        match (&self.embedded, &self.context) {
            (Some(_), _) => format!("embedded{db}"),
            (None, Some(context)) => format!("{context}{db}"),
            (None, None) => format!("{}{db}", self.target.endpoint),
        }
    }
}
