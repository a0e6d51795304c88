//! Any sequence of operations gives what plain vectors and a naive glob give: every result, every order.

mod naive;

use naive::{Topics, Who};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rbq_pubsub::{Counts, PubSub, Via};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Channel,
    Pattern,
    Shard,
}

#[derive(Clone, Debug)]
enum Step {
    Subscribe(Kind, Who, Vec<u8>),
    Unsubscribe(Kind, Who, Vec<u8>),
    /// Leaves whatever stands at this place among one's own, so that leaving often finds something to leave.
    UnsubscribeOwn(Kind, Who, usize),
    Forget(Who),
    Publish(Vec<u8>),
    List(Vec<u8>),
}

fn kind() -> impl Strategy<Value = Kind> {
    select(vec![Kind::Channel, Kind::Pattern, Kind::Pattern, Kind::Pattern, Kind::Shard])
}

/// Few bytes and short names, so that names repeat, contain each other and match each other's patterns.
fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(select(b"aab:".to_vec()), 0..7)
}

/// Literals around wildcards: many patterns share a prefix, a suffix or a middle, and so split the same buckets.
fn pattern() -> impl Strategy<Value = Vec<u8>> {
    let literal = || select(vec!["", "", "a", "b", "ab", "ba", ":", "a:", ":b", "aba"]);
    let wild = || select(vec!["*", "*", "**", "?", "[ab]", "[^a]", "[", "\\", "[a]", "\\*", ""]);
    (literal(), wild(), literal(), wild(), literal(), wild(), literal())
        .prop_map(|(a, b, c, d, e, f, g)| [a, b, c, d, e, f, g].concat().into_bytes())
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..5_u8;
    let topic = || prop_oneof![name(), pattern()];
    prop_oneof![
        12 => (kind(), who(), topic()).prop_map(|(kind, who, name)| Step::Subscribe(kind, who, name)),
        1 => (kind(), who(), topic()).prop_map(|(kind, who, name)| Step::Unsubscribe(kind, who, name)),
        5 => (kind(), who(), 0..40_usize).prop_map(|(kind, who, place)| Step::UnsubscribeOwn(kind, who, place)),
        1 => who().prop_map(Step::Forget),
        6 => name().prop_map(Step::Publish),
        1 => pattern().prop_map(Step::List),
    ]
}

#[derive(Default)]
struct Model {
    channels: Topics,
    patterns: Topics,
    shard_channels: Topics,
}

impl Model {
    fn topics(&mut self, kind: Kind) -> &mut Topics {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    fn publish(&self, channel: &[u8]) -> Vec<(Who, Via<'_>)> {
        let direct = self.channels.subscribers(channel).into_iter().map(|who| (who, Via::Channel));
        let matching = self.patterns.active().filter(|pattern| naive::glob(pattern, channel));
        let by_pattern = matching.flat_map(|pattern| {
            self.patterns.subscribers(pattern).into_iter().map(move |who| (who, Via::Pattern(pattern)))
        });
        direct.chain(by_pattern).collect()
    }
}

fn subscribe(pubsub: &mut PubSub<Who>, kind: Kind, who: Who, name: &[u8]) -> bool {
    match kind {
        Kind::Channel => pubsub.subscribe(who, name),
        Kind::Pattern => pubsub.psubscribe(who, name),
        Kind::Shard => pubsub.ssubscribe(who, name),
    }
}

fn unsubscribe(pubsub: &mut PubSub<Who>, kind: Kind, who: Who, name: &[u8]) -> bool {
    match kind {
        Kind::Channel => pubsub.unsubscribe(who, name),
        Kind::Pattern => pubsub.punsubscribe(who, name),
        Kind::Shard => pubsub.sunsubscribe(who, name),
    }
}

fn play(pubsub: &mut PubSub<Who>, model: &mut Model, step: Step) {
    match step {
        Step::Subscribe(kind, who, name) => {
            assert_eq!(subscribe(pubsub, kind, who, &name), model.topics(kind).subscribe(who, &name));
        }
        Step::Unsubscribe(kind, who, name) => {
            assert_eq!(unsubscribe(pubsub, kind, who, &name), model.topics(kind).unsubscribe(who, &name));
        }
        Step::UnsubscribeOwn(kind, who, place) => {
            let own = model.topics(kind).of(who);
            let Some(name) = own.get(place % own.len().max(1)).map(|name| name.to_vec()) else {
                return;
            };
            assert!(unsubscribe(pubsub, kind, who, &name));
            assert!(model.topics(kind).unsubscribe(who, &name));
        }
        Step::Forget(who) => {
            pubsub.forget(who);
            model.channels.forget(who);
            model.patterns.forget(who);
            model.shard_channels.forget(who);
        }
        Step::Publish(channel) => compare_deliveries(pubsub, model, &channel),
        Step::List(pattern) => compare_listings(pubsub, model, &pattern),
    }
}

fn compare_deliveries(pubsub: &PubSub<Who>, model: &Model, channel: &[u8]) {
    let mut delivered = Vec::new();
    let count = pubsub.publish(channel, |who, via| delivered.push((who, via)));
    assert_eq!(delivered, model.publish(channel));
    assert_eq!(count, delivered.len());

    let mut delivered = Vec::new();
    let count = pubsub.spublish(channel, |who| delivered.push(who));
    assert_eq!(delivered, model.shard_channels.subscribers(channel));
    assert_eq!(count, delivered.len());
}

fn compare_listings(pubsub: &PubSub<Who>, model: &Model, pattern: &[u8]) {
    let shown = |topics: &Topics| -> Vec<Vec<u8>> {
        topics.active().filter(|name| naive::glob(pattern, name)).map(<[u8]>::to_vec).collect()
    };
    assert_eq!(pubsub.channels(Some(pattern)).collect::<Vec<_>>(), shown(&model.channels));
    assert_eq!(pubsub.shard_channels(Some(pattern)).collect::<Vec<_>>(), shown(&model.shard_channels));
}

fn compare_everything(pubsub: &PubSub<Who>, model: &Model) {
    for who in 0..5 {
        let (channels, patterns) = (model.channels.of(who), model.patterns.of(who));
        let shard_channels = model.shard_channels.of(who);
        let counts =
            Counts { channels: channels.len(), patterns: patterns.len(), shard_channels: shard_channels.len() };
        assert_eq!(pubsub.counts_of(who), counts);
        assert_eq!(counts.total(), counts.channels_and_patterns() + counts.shard_channels);
        assert_eq!(pubsub.channels_of(who).collect::<Vec<_>>(), channels);
        assert_eq!(pubsub.patterns_of(who).collect::<Vec<_>>(), patterns);
        assert_eq!(pubsub.shard_channels_of(who).collect::<Vec<_>>(), shard_channels);
    }
    assert!(pubsub.channels(None).eq(model.channels.active()));
    assert!(pubsub.shard_channels(None).eq(model.shard_channels.active()));
    assert_eq!(pubsub.pattern_count(), model.patterns.active().count());
    for name in model.channels.active().chain(model.shard_channels.active()) {
        assert_eq!(pubsub.subscribers(name), model.channels.subscribers(name).len());
        assert_eq!(pubsub.shard_subscribers(name), model.shard_channels.subscribers(name).len());
        compare_deliveries(pubsub, model, name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_of_operations_does_what_the_naive_model_does(
        seed: u64,
        steps in vec(step(), 1..300),
    ) {
        let mut pubsub = PubSub::with_seed(seed);
        let mut model = Model::default();
        for step in steps {
            play(&mut pubsub, &mut model, step);
        }
        compare_everything(&pubsub, &model);
        for who in 0..5 {
            play(&mut pubsub, &mut model, Step::Forget(who));
            compare_everything(&pubsub, &model);
        }
        prop_assert_eq!(pubsub.channels(None).count() + pubsub.shard_channels(None).count(), 0);
        prop_assert_eq!(pubsub.pattern_count(), 0);
    }
}
