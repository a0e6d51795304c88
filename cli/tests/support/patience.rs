//! Waits with an end: what never comes fails a test, and does not hang it.

use std::io::{self, BufReader, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Long enough for a busy machine; nothing waits for it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Of whoever looks again and again whether something has come about.
pub(crate) struct Patience(Instant);

impl Patience {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// One more look; fails when there were looks for too long.
    #[track_caller]
    pub(crate) fn spend(&self) {
        assert!(self.0.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain");
    }
}

/// What a program writes. One that says nothing for too long has nothing to say: that is an error.
pub(crate) struct Patient<R>(pub(crate) R);

impl<R: Read + AsFd> Read for Patient<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let limit = Timespec::try_from(PATIENCE).unwrap();
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&limit))? {
            0 => Err(io::Error::new(ErrorKind::TimedOut, format!("nothing was written for {PATIENCE:?}"))),
            _ => self.0.read(into),
        }
    }
}

/// Reads this pipe line by line.
pub(crate) fn listen<R: Read + AsFd>(pipe: R) -> BufReader<Patient<R>> {
    BufReader::new(Patient(pipe))
}
