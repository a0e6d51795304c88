//! A cluster, followed by its redirects.
//!
//! Small on purpose: slots are learnt from the redirects themselves, one `MOVED` a slot, so there is no map to fetch and none to
//! keep fresh. The first request for a slot may take a second round trip, later ones go straight to the owner.

use std::collections::HashMap;
use std::sync::Arc;

use rbq_resp::{SLOTS, Value, slot};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::{Client, Endpoint, Options, Redirect, RedirectKind, Request, Target};

/// Redirects followed for one request: a slot that is being moved takes two, a stale table one more.
const REDIRECTS_MAX: usize = 5;

/// Connections to the nodes of a cluster, made as redirects name them.
#[derive(Debug, Clone)]
pub struct ClusterClient {
    seed: Target,
    options: Options,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug)]
struct Known {
    clients: HashMap<Endpoint, Client>,
    /// The owner of each slot, where a redirect has told it.
    owners: Vec<Option<Endpoint>>,
}

impl ClusterClient {
    /// Connects to one node; the others are found by redirects. Credentials are the same for all nodes.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect(seed: &Target, options: &Options) -> Result<Self> {
        let cluster = Self {
            seed: Target { db: 0, ..seed.clone() },
            options: options.clone(),
            known: Arc::new(Mutex::new(Known { clients: HashMap::new(), owners: vec![None; usize::from(SLOTS)] })),
        };
        cluster.client(&seed.endpoint).await?;
        Ok(cluster)
    }

    /// Sends a request to the node that owns `key`, following redirects.
    ///
    /// # Errors
    /// [`Error::TooManyRedirects`], or as [`Client::call`] on the node reached.
    pub async fn call(&self, key: impl AsRef<[u8]>, request: impl Into<Request>) -> Result<Value> {
        let (slot, request) = (slot(key.as_ref()), request.into());
        let mut at = self.owner(slot).await;
        let mut ask = false;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.call_at(&at, &request, ask).await;
            let Err(Error::Redirect(redirect)) = answer else {
                return answer;
            };
            at = redirect.endpoint(&at);
            ask = redirect.kind == RedirectKind::Ask;
            self.learn(&redirect, &at).await;
        }
        Err(Error::TooManyRedirects(REDIRECTS_MAX))
    }

    async fn call_at(&self, endpoint: &Endpoint, request: &Request, ask: bool) -> Result<Value> {
        let client = self.client(endpoint).await?;
        // ASKING holds for the very next request of the connection: nothing may come between.
        let asking = ask.then(|| Request::new("ASKING"));
        let requests = asking.into_iter().chain([request.clone()]).collect();
        let answer = client.pipeline(requests).await.map(|mut values| values.pop().expect("the reply to the request"));
        match answer {
            Ok(Value::Error(text)) => Err(Error::from_error_reply(text)),
            Ok(value) => Ok(value),
            Err(error) => {
                if error.ends_connection() {
                    self.forget(endpoint).await;
                }
                Err(error)
            }
        }
    }

    async fn client(&self, endpoint: &Endpoint) -> Result<Client> {
        // Held while connecting: two callers must not both connect to the node they were both sent to.
        let mut known = self.known.lock().await;
        if let Some(client) = known.clients.get(endpoint) {
            return Ok(client.clone());
        }
        let target = Target { endpoint: endpoint.clone(), ..self.seed.clone() };
        let (client, _) = Client::connect(&target, &self.options).await?;
        known.clients.insert(endpoint.clone(), client.clone());
        Ok(client)
    }

    async fn owner(&self, slot: u16) -> Endpoint {
        let known = self.known.lock().await;
        known.owners[usize::from(slot)].clone().unwrap_or_else(|| self.seed.endpoint.clone())
    }

    async fn learn(&self, redirect: &Redirect, endpoint: &Endpoint) {
        if redirect.kind == RedirectKind::Moved {
            self.known.lock().await.owners[usize::from(redirect.slot)] = Some(endpoint.clone());
        }
    }

    /// A node that went away may have lost its slots: the seed will tell anew.
    async fn forget(&self, endpoint: &Endpoint) {
        let mut known = self.known.lock().await;
        known.clients.remove(endpoint);
        for owner in known.owners.iter_mut().filter(|owner| owner.as_ref() == Some(endpoint)) {
            *owner = None;
        }
    }
}
