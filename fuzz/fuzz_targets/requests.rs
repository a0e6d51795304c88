//! See [`rbq_fuzz::checks::requests`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rbq_fuzz::checks::requests(data));
