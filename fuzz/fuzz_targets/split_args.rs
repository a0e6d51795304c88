//! See [`rbq_fuzz::checks::split_args_and_quote`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rbq_fuzz::checks::split_args_and_quote(data));
