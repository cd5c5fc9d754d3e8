//! The kept inputs of every decoder, and a bounded number of mutations of them. The binary `fuzz`
//! goes on for as long as it is told.

use protocol::operation::Body;
use tests::fuzz::{Answer, Fuzzer, TARGETS};

/// Mutations of each target; the machine is opened anew for each of its inputs.
const N: u64 = 2_000;
const N_MACHINE: u64 = 150;

#[test]
fn no_decoder_breaks_its_promise_at_bytes_that_are_almost_right() {
    for target in TARGETS {
        let n = if target.name == "machine" { N_MACHINE } else { N };
        let mut fuzzer = Fuzzer::open(target, 11).unwrap_or_else(|failure| {
            panic!("{}: {} ({})", target.name, failure.why, failure.path.display())
        });
        if let Err(failure) = fuzzer.go_on(n) {
            panic!("{}: {} ({})", target.name, failure.why, failure.path.display());
        }
        let played = fuzzer.played();
        assert!(played.n_inputs > n && played.n_kinds >= 5, "{}: {played:?}", target.name);
    }
}

/// What is refused at its first byte proves little about the rest.
#[test]
fn a_body_of_every_kind_is_read() {
    let target = TARGETS.into_iter().find(|target| target.name == "body").expect("a target");
    let open = Fuzzer::open(target, 11);
    let fuzzer = open.unwrap_or_else(|failure| panic!("{failure:?}"));
    for kind in Body::KINDS {
        // An empty map is no body of most kinds: what is read is the golden one.
        assert!(fuzzer.n_answered(Answer::of(kind)) > 0, "no {kind} is read");
    }
}

#[test]
fn a_broken_promise_is_noticed_and_its_input_is_kept() {
    use tests::fuzz::Target;
    let target = Target {
        name: "noticed",
        samples: || vec![b"good".to_vec()],
        run: |input| {
            assert!(!input.contains(&0xff), "a byte that must not be");
            Answer::of("fine")
        },
    };
    let mut fuzzer = Fuzzer::open(target, 1).expect("the sample is good");
    let failure = fuzzer.go_on(10_000).expect_err("some mutation has that byte");
    assert!(failure.why.contains("must not be"), "{}", failure.why);
    let kept = std::fs::read(&failure.path).expect("it is kept");
    std::fs::remove_dir_all(failure.path.parent().expect("a folder")).expect("it can go again");
    assert!(kept.contains(&0xff));
}

/// All kept inputs together, in bytes: they are for playing, not for looking at.
const CORPUS_BYTES_MAX: usize = 256 << 10;

#[test]
fn inputs_of_every_decoder_are_kept_and_played() {
    let mut n_bytes = 0;
    for target in TARGETS {
        let kept = tests::fuzz::corpus(&target).expect("the corpus can be read");
        assert!(!kept.is_empty(), "nothing is kept of {}: run `fuzz --keep 12`", target.name);
        n_bytes += kept.iter().map(Vec::len).sum::<usize>();
        let n_samples = (target.samples)().len();
        let fuzzer = Fuzzer::open(target, 1).unwrap_or_else(|failure| {
            panic!("{}: {} ({})", target.name, failure.why, failure.path.display())
        });
        let n_played = usize::try_from(fuzzer.played().n_inputs).expect("they are few");
        assert_eq!(n_played, n_samples + kept.len(), "each of {} is played", target.name);
    }
    assert!(n_bytes <= CORPUS_BYTES_MAX, "{n_bytes} bytes are kept");
}
