//! Messages to subscribers.

use rbq_pubsub::Via;
use rbq_resp::{Encoder, Proto, Sink};

use super::Broker;
use crate::mail::Envelope;
use crate::output::Gate;

impl Broker {
    /// Sends a message to everybody who hears this channel; answers how many copies that were.
    ///
    /// The message is encoded once per protocol version and per pattern that matched, however many hear it.
    pub(crate) fn publish(&mut self, channel: &[u8], message: &[u8], gate: Gate) -> usize {
        let (sessions, mail) = (&self.sessions, &mut self.mail);
        let mut by_channel: [Option<Envelope>; 2] = [None, None];
        let mut by_pattern: [Option<(&[u8], Envelope)>; 2] = [None, None];
        let count = self.pubsub.publish(channel, |client, via| {
            let proto = sessions[client.slot as usize].proto;
            let envelope = match via {
                Via::Channel => &*by_channel[proto as usize]
                    .get_or_insert_with(|| mail.envelope(|out| encode(out, proto, &[b"message", channel, message]))),
                Via::Pattern(pattern) => {
                    let last = &mut by_pattern[proto as usize];
                    if !matches!(last, Some((other, _)) if std::ptr::eq(*other, pattern)) {
                        let parts: [&[u8]; 4] = [b"pmessage", pattern, channel, message];
                        *last = Some((pattern, mail.envelope(|out| encode(out, proto, &parts))));
                    }
                    &last.as_ref().expect("it was set just above").1
                }
            };
            mail.send(client, envelope, gate);
        });
        self.stats.published += 1;
        self.stats.deliveries += count as u64;
        count
    }

    /// The same for a shard channel.
    pub(crate) fn publish_shard(&mut self, channel: &[u8], message: &[u8], gate: Gate) -> usize {
        let (sessions, mail) = (&self.sessions, &mut self.mail);
        let mut envelopes: [Option<Envelope>; 2] = [None, None];
        let count = self.pubsub.spublish(channel, |client| {
            let proto = sessions[client.slot as usize].proto;
            let envelope = envelopes[proto as usize]
                .get_or_insert_with(|| mail.envelope(|out| encode(out, proto, &[b"smessage", channel, message])));
            mail.send(client, envelope, gate);
        });
        self.stats.published += 1;
        self.stats.deliveries += count as u64;
        count
    }
}

fn encode(out: &mut Vec<u8>, proto: Proto, parts: &[&[u8]]) {
    let mut encoder = Encoder::new(out, proto);
    encoder.push(parts.len());
    for part in parts {
        encoder.bulk(part);
    }
}
