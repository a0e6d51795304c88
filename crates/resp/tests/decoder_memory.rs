//! How much a decoder holds, and when it lets go.

#![allow(clippy::unwrap_used, missing_docs)]

use rbq_resp::{Batch, Decoder, Limits, encode_request};

const KIB: usize = 1024;

fn encoded(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_request(args, &mut out);
    out
}

/// Decodes and releases everything that is complete, and says how many requests that was.
fn drain(decoder: &mut Decoder, batch: &mut Batch) -> usize {
    let mut count = 0;
    loop {
        decoder.decode(batch, 128, 64 * KIB).unwrap();
        if batch.is_empty() {
            return count;
        }
        count += batch.len();
        decoder.release(batch);
    }
}

#[test]
fn a_decoder_that_saw_nothing_holds_nothing() {
    assert_eq!(Decoder::new(Limits::DEFAULT).capacity(), 0);
}

#[test]
fn promises_cost_next_to_nothing() {
    for promise in ["*2147483647\r\n", "*2147483647\r\n$536870912\r\n", "*1\r\n$536870912\r\nabc"] {
        let mut decoder = Decoder::new(Limits::DEFAULT);
        let mut batch = Batch::default();
        decoder.feed(promise.as_bytes());
        decoder.decode(&mut batch, usize::MAX, usize::MAX).unwrap();
        decoder.space();
        assert!(decoder.capacity() < 64 * KIB, "{promise}: {}", decoder.capacity());
    }
}

#[test]
fn a_big_bulk_is_read_in_place_and_grows_with_what_arrives() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let len = 10 * 1024 * KIB;
    decoder.feed(format!("*2\r\n$4\r\nECHO\r\n${len}\r\n").as_bytes());
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    let mut received = 0;
    while received < len + 2 {
        let space = decoder.space();
        let take = (space.capacity() - space.len()).min(16 * KIB);
        assert!(take > 0);
        space.resize(space.len() + take, b'x');
        received += take;
        decoder.decode(&mut batch, 1, usize::MAX).unwrap();
        assert!(decoder.capacity() <= 2 * received + 64 * KIB, "{} for {received}", decoder.capacity());
    }
    assert_eq!(received, len + 2, "the space ends where the bulk ends");
    assert_eq!(decoder.request(&batch, 0).arg(1).len(), len);
    assert!(decoder.buffered() >= len);
    decoder.release(&mut batch);
    assert_eq!(decoder.buffered(), 0);
    assert!(decoder.capacity() <= 64 * KIB);
}

#[test]
fn a_shared_bulk_outlives_the_decoder() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    decoder.feed(&encoded(&[b"ECHO", &vec![b'x'; 20_000]]));
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    let kept = decoder.request(&batch, 0).get(1).unwrap().to_bytes();
    let address = decoder.request(&batch, 0).arg(1).as_ptr();
    decoder.release(&mut batch);
    drop(decoder);
    assert_eq!(kept.as_ptr(), address, "kept, not copied");
    assert_eq!(kept, vec![b'x'; 20_000]);
}

#[test]
fn a_steady_pipeline_reuses_one_buffer() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let pipeline = encoded(&[b"LPUSH", b"mail", b"hello"]).repeat(100);
    decoder.feed(&pipeline);
    assert_eq!(drain(&mut decoder, &mut batch), 100);
    let (capacity, address) = (decoder.capacity(), decoder.space().as_ptr());
    for cut in 0..pipeline.len() {
        decoder.feed(&pipeline[..cut]);
        drain(&mut decoder, &mut batch);
        decoder.feed(&pipeline[cut..]);
        drain(&mut decoder, &mut batch);
        // A request that was cut leaves a small table for the next one that is.
        assert!(decoder.buffered() == 0 && decoder.capacity() <= capacity + 1024);
    }
    assert_eq!(decoder.space().as_ptr(), address);
}

/// Reads as a socket with endless bytes would be read, and says how much room there was each time.
fn read_rooms(decoder: &mut Decoder, batch: &mut Batch, request: &[u8], reads: usize, read_max: usize) -> Vec<usize> {
    let mut wire = request.iter().copied().cycle();
    let mut rooms = Vec::new();
    for _ in 0..reads {
        let space = decoder.space();
        let room = space.capacity() - space.len();
        space.extend(wire.by_ref().take(room.min(read_max)));
        rooms.push(room);
        drain(decoder, batch);
    }
    rooms
}

#[test]
fn room_for_reads_grows_while_reads_fill_it() {
    let request = encoded(&[b"LPUSH", b"mail", b"hello"]);
    let (mut decoder, mut batch) = (Decoder::new(Limits::DEFAULT), Batch::default());
    let trickle = read_rooms(&mut decoder, &mut batch, &request, 100, 1_000);
    assert!(trickle.iter().all(|room| *room <= 16 * KIB), "{trickle:?}");

    let (mut decoder, mut batch) = (Decoder::new(Limits::DEFAULT), Batch::default());
    let flood = read_rooms(&mut decoder, &mut batch, &request, 50, usize::MAX);
    assert_eq!(flood[0], 16 * KIB);
    assert!(flood[5..].iter().all(|room| (60 * KIB..=128 * KIB).contains(room)), "{flood:?}");
    assert!(decoder.capacity() <= 128 * KIB + KIB);
    decoder.shrink();
    assert!(decoder.capacity() <= 128, "a few bytes of the request that was cut");
}

#[test]
fn an_outsized_buffer_is_given_back_also_when_a_request_is_under_way() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let request = encoded(&[b"LPUSH", b"mail", b"hello"]);
    let flood = request.repeat(100_000);
    decoder.feed(&flood);
    decoder.feed(&request[..9]);
    assert!(decoder.capacity() >= flood.len());
    assert_eq!(drain(&mut decoder, &mut batch), 100_000);
    assert_eq!(decoder.buffered(), 9);
    assert!(decoder.capacity() <= 64 * KIB, "{}", decoder.capacity());
    decoder.feed(&request[9..]);
    assert_eq!(drain(&mut decoder, &mut batch), 1);

    // The same behind which a larger request begins.
    let large = encoded(&[b"ECHO", &[b'x'; 16_000], &[b'x'; 16_000]]);
    decoder.feed(&flood);
    decoder.feed(&large[..30_000]);
    assert_eq!(drain(&mut decoder, &mut batch), 100_000);
    assert!(decoder.capacity() <= 128 * KIB, "{}", decoder.capacity());
    decoder.feed(&large[30_000..]);
    assert_eq!(drain(&mut decoder, &mut batch), 1);
    decoder.shrink();
    assert_eq!(decoder.capacity(), 0);
}

#[test]
fn a_request_of_a_million_arguments_costs_a_few_times_its_bytes_and_is_released() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let bytes = encoded(&vec![b"".as_slice(); 1_000_000]);
    for piece in bytes.chunks(16 * KIB) {
        assert!(batch.is_empty());
        decoder.feed(piece);
        decoder.decode(&mut batch, 1, usize::MAX).unwrap();
        assert!(decoder.capacity() <= 5 * decoder.buffered() + 64 * KIB);
    }
    assert_eq!(decoder.request(&batch, 0).len(), 1_000_000);
    decoder.release(&mut batch);
    assert!(decoder.capacity() <= 100 * KIB, "{}", decoder.capacity());
}

#[test]
fn an_error_asked_for_again_and_again_costs_nothing() {
    for broken in ["PING a \"b\r\n", "*3\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n"] {
        let mut decoder = Decoder::new(Limits::DEFAULT);
        let mut batch = Batch::default();
        decoder.feed(broken.as_bytes());
        let error = decoder.decode(&mut batch, 1, usize::MAX).unwrap_err();
        let capacity = decoder.capacity();
        for _ in 0..1_000 {
            assert_eq!(decoder.decode(&mut batch, 1, usize::MAX), Err(error));
        }
        assert_eq!((decoder.capacity(), decoder.buffered()), (capacity, broken.len()));
    }
}

#[test]
fn bytes_written_past_the_space_offered_keep_their_order() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    decoder.feed(b"*2\r\n$4\r\nECHO\r\n$20000\r\n");
    decoder.decode(&mut batch, 1, usize::MAX).unwrap();
    decoder.space().extend_from_slice(&[&[b'x'; 20_000][..], b"\r\n*1\r\n$1\r\n"].concat());
    decoder.space().extend_from_slice(b"a\r\n");
    decoder.space().extend_from_slice(b"PING\r\n");
    decoder.decode(&mut batch, 3, usize::MAX).unwrap();
    assert_eq!(decoder.request(&batch, 0).arg(1), [b'x'; 20_000]);
    assert_eq!(decoder.request(&batch, 1).arg(0), b"a");
    assert_eq!(decoder.request(&batch, 2).arg(0), b"PING");
}

#[test]
fn floods_of_nothing_are_not_kept() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    for _ in 0..1_000 {
        decoder.feed(&b"*0\r\n\r\n*-1\r\n".repeat(300));
        decoder.decode(&mut batch, 128, 64 * KIB).unwrap();
    }
    assert!(decoder.capacity() <= 64 * KIB);
}

#[test]
fn a_batch_stops_at_its_limits() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let request = encoded(&[b"ECHO", &[b'x'; 986]]);
    assert_eq!(request.len(), 1008);
    decoder.feed(&request.repeat(200));
    decoder.decode(&mut batch, 128, usize::MAX).unwrap();
    assert_eq!(batch.len(), 128);
    decoder.decode(&mut batch, 128, usize::MAX).unwrap();
    assert_eq!(batch.len(), 128, "a full batch takes no more");
    decoder.release(&mut batch);
    decoder.decode(&mut batch, 128, 64 * KIB).unwrap();
    assert_eq!((batch.len(), batch.bytes()), (66, 66 * 1008), "the request that reaches the limit is the last");
}

#[test]
fn a_batch_may_be_filled_by_several_calls() {
    let mut decoder = Decoder::new(Limits::DEFAULT);
    let mut batch = Batch::default();
    let requests: Vec<Vec<u8>> = (0..50).map(|n| encoded(&[b"ECHO", format!("{n}").as_bytes()])).collect();
    for request in &requests {
        decoder.feed(request);
        decoder.decode(&mut batch, usize::MAX, usize::MAX).unwrap();
    }
    let shown: Vec<String> =
        decoder.requests(&batch).map(|request| String::from_utf8_lossy(request.arg(1)).into_owned()).collect();
    assert_eq!(shown, (0..50).map(|n| n.to_string()).collect::<Vec<_>>());
}
