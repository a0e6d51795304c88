//! See [`rbq_fuzz::checks::values`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rbq_fuzz::checks::values(data));
