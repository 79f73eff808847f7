#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mvx_fuzz::scan::gitleaks(data));
