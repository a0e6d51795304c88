//! The REPL's state, and what becomes of a line.

use std::time::{Duration, Instant};

use rbq_client::{Endpoint, Error, Link, Redirect, RedirectKind, Request, Target};
use rbq_resp::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::assist::Known;
use super::backslash::{self, Order};
use super::editor::{Editor, Heard, colors};
use super::help;
use super::login::credentials;
use super::monitor::Monitor;
use super::place::Place;
use super::show::{Prompt, Show};
use super::talk::{Messages, Talk, Turn};
use crate::catalog::{Catalog, arities, from_docs};
use crate::exit::Exit;
use crate::failure::{Failure, Result, say};
use crate::open::Server;
use crate::repeat::{Repeat, repetitions};

/// From here on a person is told how long a command took.
const SLOW: Duration = Duration::from_millis(500);

/// Redirects of a cluster followed for one command: a slot that is being moved takes two, a stale map one more.
const REDIRECTS_MAX: usize = 5;

/// What the loop does after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Prompt,
    Leave,
}

pub(super) struct Repl {
    pub(super) place: watch::Sender<Place>,
    known: Known,
    pub(super) show: Show,
    pub(super) editor: Editor,
    pub(super) talk: Option<Talk>,
    monitor: Option<Monitor>,
    /// What was subscribed to when the connection was lost, to be asked for over the next one.
    lost_subscriptions: Vec<Request>,
    /// A transaction was lost with its connection: what was typed for it must not run by itself.
    is_orphaned: bool,
    is_timed: bool,
    /// The server wants a password and has none of us yet.
    pub(super) is_nobody: bool,
    /// Why there was no connection at the start; a script that sends something ends with it.
    unreached: Option<Failure>,
    /// How a script ends: the worst of what became of its commands.
    outcome: Exit,
    /// Whether an embedded broker has something to lose.
    pub(super) is_kept: bool,
}

impl Repl {
    pub(super) fn new(place: watch::Sender<Place>, known: Known, show: Show, editor: Editor) -> Self {
        Self {
            place,
            known,
            show,
            editor,
            talk: None,
            monitor: None,
            lost_subscriptions: Vec::new(),
            is_orphaned: false,
            is_timed: false,
            is_nobody: false,
            unreached: None,
            outcome: Exit::Done,
            is_kept: false,
        }
    }

    /// Shows the prompt and waits for what is typed, showing meanwhile what comes.
    pub(super) async fn hear(&mut self) -> Result<Heard> {
        // From here on Ctrl-C is ours, also in the moments in which nothing listens to it.
        let _interrupts = interrupts()?;
        // A person reads in the new prompt that there is no transaction; a script goes on until its end.
        self.is_orphaned &= !self.editor.is_terminal;
        self.show.prompt = Prompt::Up;
        self.editor.ask_line(self.prompt());
        let heard = loop {
            let is_read = self.editor.is_terminal && self.talk.is_some();
            let came = tokio::select! {
                biased;
                heard = self.editor.heard() => break heard,
                came = next_value(self.talk.as_mut()), if is_read => came,
            };
            match (came, &mut self.talk) {
                (Ok(value), Some(talk)) => talk.came(&value, &mut self.show)?,
                _ => {
                    self.lose();
                    // If that fails, the next command tries again and says why.
                    let _ = self.connect().await;
                }
            }
        };
        self.show.prompt = Prompt::Down;
        Ok(heard)
    }

    /// A new connection in place of what there was.
    pub(super) async fn connect(&mut self) -> Result<()> {
        self.talk = None;
        let place = self.place.borrow().clone();
        let mut link = match place.link().await {
            // A person can say who it is by AUTH.
            Err(Error::Auth(reply)) if reply.code() == "NOAUTH" && self.editor.is_terminal => {
                self.is_nobody = true;
                place.link_of_nobody().await?
            }
            linked => {
                self.is_nobody = false;
                linked?
            }
        };
        self.known.replace(catalog_of(&mut link).await?);
        let mut talk = Talk::new(link, self.editor.is_terminal);
        for request in &self.lost_subscriptions {
            talk.ask(request, &mut self.show).await?;
        }
        if !std::mem::take(&mut self.lost_subscriptions).is_empty() {
            self.show.note("subscribed again; what was published meanwhile did not reach us");
        }
        self.talk = Some(talk);
        Ok(())
    }

    /// The first connection. A person is let in without one: help needs none, and every command tries again.
    pub(super) async fn begin(&mut self) -> Result<()> {
        match self.connect().await {
            Err(failure @ Failure::Server(Error::Connect { .. } | Error::Timeout(_))) if self.editor.is_terminal => {
                let _ = failure.report();
                self.show.note("`help` works without a server, and each command tries to reach it again");
                Ok(())
            }
            // Help needs none in a script either.
            Err(failure @ Failure::Server(_)) if !self.editor.is_terminal => {
                self.unreached = Some(failure);
                Ok(())
            }
            Ok(()) if self.is_nobody => self.log_in().await,
            begun => begun,
        }
    }

    /// How the REPL ends. What a person saw refused was seen; a script is told by the exit code.
    pub(super) fn end(&mut self) -> Result<Exit> {
        match self.unreached.take() {
            Some(failure) => Err(failure),
            None if self.editor.is_terminal => Ok(Exit::Done),
            None => Ok(self.outcome),
        }
    }

    /// Says why a command is not sent.
    pub(super) fn refuse(&mut self, failure: Failure) -> Next {
        let _ = failure.report();
        self.note_outcome(Exit::Failed);
        Next::Prompt
    }

    fn note_outcome(&mut self, exit: Exit) {
        if self.outcome == Exit::Done || exit == Exit::Unreachable {
            self.outcome = exit;
        }
    }

    /// Carries out one command.
    pub(super) async fn obey(&mut self, words: &[Vec<u8>]) -> Result<Next> {
        let Some(first) = words.first() else {
            return Ok(Next::Prompt);
        };
        match backslash::parse(words) {
            Some(Ok(order)) => return self.follow(order).await,
            Some(Err(wrong)) => return Ok(self.refuse(Failure::usage(wrong))),
            None => {}
        }
        let order = match (first.to_ascii_lowercase().as_slice(), words) {
            (b"quit" | b"exit", _) => Some(Order::Quit),
            (b"clear", [_]) => Some(Order::Clear),
            (b"help" | b"?", _) => Some(Order::HelpOn(words[1..].to_vec())),
            (b"connect", [_, _, _]) => Some(Order::Connect(words[1..].to_vec())),
            _ => None,
        };
        if let Some(order) = order {
            return self.follow(order).await;
        }
        match repetitions(words) {
            Repeat::Not => self.send(words, 1).await,
            Repeat::Times(times) => self.send(&words[1..], times).await,
            Repeat::Invalid => Ok(self.refuse(Failure::usage("a command can be repeated once or more"))),
        }
    }

    /// Ends subscriptions and MONITOR.
    pub(super) async fn stop(&mut self) -> Result<()> {
        if self.monitor.take().is_some_and(|monitor| monitor.is_running()) {
            self.show.text("MONITOR has ended\n")?;
        }
        if !std::mem::take(&mut self.lost_subscriptions).is_empty() {
            self.show.note("the subscriptions are given up");
        }
        for verb in ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"] {
            let request = Request::new(verb);
            if let Some(talk) = &mut self.talk
                && talk.is_free()
                && talk.subscribed_by(&request) > 0
            {
                let asked = talk.ask(&request, &mut self.show).await;
                self.tell(asked.map(drop))?;
            }
        }
        Ok(())
    }

    async fn follow(&mut self, order: Order) -> Result<Next> {
        match order {
            Order::Help => {
                self.unreached = None;
                self.show.text(&backslash::list())?;
            }
            Order::HelpOn(words) => {
                self.unreached = None;
                let text = help::text(&self.known.catalog(), &words, colors());
                self.show.text(&text)?;
            }
            Order::Json(switch) => {
                let news = switch.apply("JSON over several lines is", &mut self.show.json);
                self.show.text(&news)?;
            }
            Order::JsonOnce(words) => {
                let before = std::mem::replace(&mut self.show.json, true);
                let next = Box::pin(self.obey(&words)).await;
                self.show.json = before;
                return next;
            }
            Order::Tables(switch) => {
                let news = switch.apply("tables are", &mut self.show.tables);
                self.show.text(&news)?;
            }
            Order::Timing(switch) => {
                let news = switch.apply("timing is", &mut self.is_timed);
                self.show.text(&news)?;
            }
            Order::Status => {
                let status = self.status();
                self.show.text(&status)?;
            }
            Order::Stop => self.stop().await?,
            Order::Connect(words) => self.turn_to(&words).await?,
            Order::Clear => self.editor.clear(),
            Order::Quit => return Ok(Next::Leave),
        }
        Ok(Next::Prompt)
    }

    fn prompt(&self) -> String {
        let Some(talk) = &self.talk else {
            return "not connected> ".to_owned();
        };
        let mut prompt = self.place.borrow().name();
        match &talk.transaction {
            Some(transaction) if transaction.is_spoiled => prompt.push_str("(TX!)"),
            Some(_) => prompt.push_str("(TX)"),
            None => {}
        }
        match talk.subscriptions() {
            0 => {}
            1 => prompt.push_str("(1 subscription)"),
            count => prompt.push_str(&format!("({count} subscriptions)")),
        }
        if self.monitor.as_ref().is_some_and(Monitor::is_running) {
            prompt.push_str("(monitor)");
        }
        prompt + "> "
    }

    fn status(&self) -> String {
        let on = |is_on| if is_on { "on" } else { "off" };
        let connection = match &self.talk {
            None => "not connected".to_owned(),
            Some(talk) => {
                let protocol = if talk.is_resp3() { "RESP3" } else { "RESP2" };
                let client = talk.link.client_id().map(|id| format!(", client {id}")).unwrap_or_default();
                format!("{protocol}{client}, {} subscriptions", talk.subscriptions())
            }
        };
        let place = self.place.borrow();
        format!(
            "server      {}\ndatabase    {}\nconnection  {connection}\njson        {}\ntables      {}\ntiming      {}\n",
            match &place.embedded {
                Some(_) => "embedded".to_owned(),
                None => place.target.endpoint.to_string(),
            },
            place.target.db,
            on(self.show.json),
            on(self.show.tables),
            on(self.is_timed),
        )
    }

    async fn turn_to(&mut self, words: &[Vec<u8>]) -> Result<()> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        let target = match words {
            [host, port] => match text(port).parse() {
                Ok(port) => {
                    let endpoint = Endpoint::Tcp { host: text(host), port };
                    Target { endpoint, db: 0, ..self.place.borrow().target.clone() }
                }
                Err(_) => {
                    self.refuse(Failure::usage(format!("`{}` is not a port", text(port))));
                    return Ok(());
                }
            },
            _ => match text(&words[0]).parse::<Target>() {
                Ok(target) => target,
                Err(error) => return self.tell(Err(error.into())),
            },
        };
        self.monitor = None;
        self.lost_subscriptions.clear();
        self.is_orphaned = false;
        self.place.send_replace(Place::server(Server { target, ..Server::default() }));
        let connected = self.connect().await;
        self.tell(connected)
    }

    async fn send(&mut self, words: &[Vec<u8>], times: i64) -> Result<Next> {
        if let Some(complaint) = self.complaint(words) {
            return Ok(self.refuse(complaint));
        }
        if let Some(failure) = self.unreached.take() {
            return Err(failure);
        }
        let freshened = self.freshen().await;
        self.tell(freshened)?;
        let request = Request::from(words);
        if self.talk.is_none() || self.belongs_to_what_was_lost(&request) || !self.may_send(&request).await? {
            return Ok(Next::Prompt);
        }
        if self.monitors_beside(&request) {
            return self.start_monitor().await;
        }
        let start = Instant::now();
        for _ in 0..times {
            match self.send_where_it_belongs(&request).await? {
                Some(Turn::Ended) if self.place.borrow().embedded.is_some() => return Ok(Next::Leave),
                Some(Turn::Ended) => self.talk = None,
                Some(Turn::Refused) => self.note_outcome(Exit::Failed),
                Some(Turn::Answered | Turn::Elsewhere(_)) => {}
                None => {
                    self.note_outcome(Exit::Failed);
                    return Ok(Next::Prompt);
                }
            }
        }
        if self.is_nobody && self.place.borrow().target.credentials.is_some() {
            // With all that a connection has which knew it from its beginning: RESP3, the server's commands.
            let connected = self.connect().await;
            self.tell(connected)?;
        }
        let elapsed = start.elapsed();
        if self.is_timed {
            self.show.text(&format!("({:.3} ms)\n", elapsed.as_secs_f64() * 1000.0))?;
        } else if elapsed >= SLOW {
            self.show.text(&format!("({:.2}s)\n", elapsed.as_secs_f64()))?;
        }
        Ok(Next::Prompt)
    }

    /// After a transaction was lost, what was typed for it is refused: alone it would do something else.
    fn belongs_to_what_was_lost(&mut self, request: &Request) -> bool {
        if !self.is_orphaned || request.is_word(0, "MULTI") {
            self.is_orphaned = false;
            return false;
        }
        self.refuse(
            Failure::new("not sent: its transaction was lost with the connection").hint("MULTI begins another"),
        );
        self.is_orphaned = !request.is_word(0, "EXEC") && !request.is_word(0, "DISCARD");
        true
    }

    /// One time, at the node of a cluster that has the key; from then on we are connected to that one, as redis-cli does it.
    async fn send_where_it_belongs(&mut self, request: &Request) -> Result<Option<Turn>> {
        for _ in 0..REDIRECTS_MAX {
            match self.send_once(request).await? {
                Some(Turn::Elsewhere(redirect)) => {
                    let turned = self.turn_to_node(&redirect).await;
                    self.tell(turned)?;
                    if self.talk.is_none() {
                        return Ok(None);
                    }
                }
                turn => return Ok(turn),
            }
        }
        say("error: the cluster sends us on and on");
        Ok(None)
    }

    async fn turn_to_node(&mut self, redirect: &Redirect) -> Result<()> {
        let endpoint = redirect.endpoint(&self.place.borrow().target.endpoint);
        say(&format!("-> Redirected to slot [{}] located at {endpoint}", redirect.slot));
        self.place.send_modify(|place| place.target.endpoint = endpoint);
        self.part();
        self.connect().await?;
        if let (RedirectKind::Ask, Some(talk)) = (redirect.kind, &mut self.talk) {
            talk.link.call(["ASKING"]).await?;
        }
        Ok(())
    }

    /// One time, here; `None` if it was interrupted or the connection lost.
    async fn send_once(&mut self, request: &Request) -> Result<Option<Turn>> {
        // Listening before anything is sent: what the server already works on is never without somebody to interrupt it.
        let mut interrupts = interrupts()?;
        let Some(talk) = &mut self.talk else {
            return Ok(None);
        };
        let turn = tokio::select! {
            turn = talk.ask(request, &mut self.show) => turn,
            _ = interrupts.recv() => {
                say("");
                self.part();
                let connected = self.connect().await;
                self.tell(connected)?;
                return Ok(None);
            }
        };
        match turn {
            Ok(turn) => {
                if turn == Turn::Answered {
                    self.note(request);
                }
                Ok(Some(turn))
            }
            Err(Failure::ClosedPipe) => Err(Failure::ClosedPipe),
            Err(failure) => {
                self.part();
                self.talk = None;
                let _ = failure.report();
                Ok(None)
            }
        }
    }

    /// What is wrong with a command that no server would take.
    fn complaint(&self, words: &[Vec<u8>]) -> Option<Failure> {
        let catalog = self.known.catalog();
        let (entry, _) = catalog.find(words)?;
        if entry.admits(words.len()) {
            return None;
        }
        let complaint = Failure::usage(format!("wrong number of arguments for `{}`", entry.name));
        Some(complaint.hint(help::usage(&catalog, entry)))
    }

    fn monitors_beside(&self, request: &Request) -> bool {
        let beside = |talk: &Talk| talk.messages() == Messages::Beside && talk.is_free();
        request.is_word(0, "MONITOR") && self.talk.as_ref().is_some_and(beside)
    }

    async fn start_monitor(&mut self) -> Result<Next> {
        let place = self.place.borrow().clone();
        let started = match (place.link().await, &self.show.screen) {
            (Ok(link), Some(screen)) => Monitor::start(link, screen.clone()).await,
            (Ok(_), None) => return Ok(Next::Prompt),
            (Err(error), _) => Err(error.into()),
        };
        match started {
            Ok(monitor) => {
                self.monitor = Some(monitor);
                self.show.text("OK (it goes on beside the prompt; Ctrl-C or `\\stop` ends it)\n")?;
            }
            Err(failure) => self.tell(Err(failure))?,
        }
        Ok(Next::Prompt)
    }

    /// Shows what has come meanwhile, and connects again if the connection has ended meanwhile.
    async fn freshen(&mut self) -> Result<()> {
        while let Some(talk) = &mut self.talk {
            match talk.link.receive_now().await {
                Ok(Some(value)) => talk.came(&value, &mut self.show)?,
                Ok(None) => return Ok(()),
                Err(_) => self.lose(),
            }
        }
        self.connect().await
    }

    /// The connection has gone, and with it what was bound to it.
    fn lose(&mut self) {
        self.part();
        let lost = match self.talk.take() {
            Some(talk) if talk.transaction.is_some() => ", and with it the transaction",
            _ => "",
        };
        self.show.note(&format!("the connection was lost{lost}; connecting again"));
    }

    /// Notes what is bound to the connection that is about to go.
    fn part(&mut self) {
        if let Some(talk) = &self.talk {
            self.lost_subscriptions = talk.resubscriptions();
            self.is_orphaned |= talk.transaction.is_some();
        }
    }

    /// Keeps the place true.
    fn note(&mut self, request: &Request) {
        let is_queued = self.talk.as_ref().is_some_and(|talk| talk.transaction.is_some());
        let db = if request.is_word(0, "RESET") {
            Some(0)
        } else if request.is_word(0, "SELECT") && !is_queued {
            request.iter().nth(1).and_then(|arg| std::str::from_utf8(arg).ok()?.parse().ok())
        } else {
            None
        };
        if let Some(db) = db {
            self.place.send_modify(|place| place.target.db = db);
        }
        if let Some(credentials) = credentials(request).filter(|_| !is_queued) {
            self.place.send_modify(|place| place.target.credentials = Some(credentials));
        }
    }

    /// Lets a person hear of a failure without being thrown out.
    fn tell(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Err(Failure::ClosedPipe) => Err(Failure::ClosedPipe),
            Err(failure) => {
                let exit = failure.report();
                self.note_outcome(exit);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The next value of a connection that is there.
async fn next_value(talk: Option<&mut Talk>) -> std::result::Result<Value, rbq_client::Error> {
    match talk {
        Some(talk) => talk.link.receive().await,
        None => std::future::pending().await,
    }
}

fn interrupts() -> Result<Signal> {
    Ok(signal(SignalKind::interrupt())?)
}

/// What the server says of its commands; of one that says nothing (it is too old, or the user may not ask) what ours would say.
async fn catalog_of(link: &mut Link) -> Result<Catalog> {
    let docs = link.call(["COMMAND", "DOCS"]).await?;
    let commands = link.call(["COMMAND"]).await?;
    Ok(Catalog::of_server(from_docs(&docs), &arities(&commands)))
}
