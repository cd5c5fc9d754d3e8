//! What a machine cannot do is left out, and said. Where everything has to run, that is a failure: a test
//! that did nothing is as green as one that did.

/// Says why a test is left out.
///
/// # Panics
///
/// Where `TALLYMAN_TESTS_WHOLE` is set.
pub(crate) fn left_out(why: &str) {
    eprintln!("\n#### LEFT OUT: {why} ####\n");
    let is_whole = std::env::var_os("TALLYMAN_TESTS_WHOLE").is_some();
    assert!(!is_whole, "left out although TALLYMAN_TESTS_WHOLE is set: {why}");
}
