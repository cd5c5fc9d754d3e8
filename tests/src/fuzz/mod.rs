//! Input that nobody meant: every decoder of the product fed with bytes that are almost right.
//!
//! A target is a function over bytes that panics where a promise is broken, and answers with what
//! it made of the input. Inputs come from the kept corpus and from samples that the code makes;
//! they are mutated by a generator with a seed, so that every run can be repeated, and those that
//! are answered in a way not seen before are mutated further. There is no instrumentation: it needs
//! another toolchain than the one that builds the product.
//!
//! A failing input is written to `tests/corpus/TARGET/`, where every later run plays it again.

mod machine;
mod mutate;
mod targets;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::prng::Prng;
pub use targets::TARGETS;

/// The longest input, in bytes.
pub const INPUT_BYTES_MAX: usize = 64 << 10;
/// Inputs that are mutated further.
const POOL_MAX: usize = 2_000;

/// One decoder.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Inputs that are right.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Decodes an input; panics where a promise is broken. The answer tells kinds of inputs apart.
    pub run: fn(&[u8]) -> Answer,
}

/// What a decoder made of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer(u64);

impl Answer {
    /// An answer in words. Figures do not count: they would make every input another kind.
    pub fn of(words: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        for letter in words.chars().filter(|letter| !letter.is_ascii_digit()).take(400) {
            letter.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

/// An input that breaks a promise.
#[derive(Debug)]
pub struct Failure {
    /// Where it was written.
    pub path: PathBuf,
    /// What the target said.
    pub why: String,
}

/// How a run went.
#[derive(Debug, Default, Clone, Copy)]
pub struct Played {
    /// Inputs that were played.
    pub n_inputs: u64,
    /// Kinds of answers that were seen.
    pub n_kinds: usize,
}

/// The kept inputs of a target.
pub fn corpus_folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// Reads the kept inputs of `target`, in the order of their names.
///
/// # Errors
///
/// The folder is there and cannot be read.
pub fn corpus(target: &Target) -> std::io::Result<Vec<Vec<u8>>> {
    let folder = corpus_folder(target);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

/// A target at work.
pub struct Fuzzer {
    target: Target,
    prng: Prng,
    pool: Vec<Vec<u8>>,
    /// How often each kind of answer was given.
    kinds: BTreeMap<Answer, u64>,
    /// Inputs that were answered in a new way, in order.
    pub found: Vec<Vec<u8>>,
    n_inputs: u64,
}

impl Fuzzer {
    /// Plays samples and corpus of `target` once, and is ready to go on from there.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the first input that breaks a promise.
    pub fn open(target: Target, seed: u64) -> Result<Self, Failure> {
        let kept = corpus(&target)
            .map_err(|error| Failure { path: corpus_folder(&target), why: error.to_string() })?;
        let inputs: Vec<_> = (target.samples)().into_iter().chain(kept).collect();
        let mut fuzzer = Self {
            target,
            prng: Prng::new(seed),
            pool: Vec::new(),
            kinds: BTreeMap::new(),
            found: Vec::new(),
            n_inputs: 0,
        };
        for input in inputs {
            fuzzer.play(&input)?;
            fuzzer.pool.push(input);
        }
        fuzzer.found.clear();
        Ok(fuzzer)
    }

    /// Plays `n` mutations.
    ///
    /// # Errors
    ///
    /// As [`Fuzzer::open`].
    pub fn go_on(&mut self, n: u64) -> Result<(), Failure> {
        for _ in 0..n {
            let input = mutate::mutated(&self.pool, &mut self.prng);
            if self.play(&input)? && self.pool.len() < POOL_MAX {
                self.found.push(input.clone());
                self.pool.push(input);
            }
        }
        Ok(())
    }

    /// How it went so far.
    pub fn played(&self) -> Played {
        Played { n_inputs: self.n_inputs, n_kinds: self.kinds.len() }
    }

    /// How many inputs were answered so.
    pub fn n_answered(&self, answer: Answer) -> u64 {
        self.kinds.get(&answer).copied().unwrap_or(0)
    }

    /// Plays one input; whether it was answered in a new way.
    fn play(&mut self, input: &[u8]) -> Result<bool, Failure> {
        self.n_inputs += 1;
        let answered = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        match answered {
            Ok(answer) => {
                let n = self.kinds.entry(answer).or_default();
                *n += 1;
                Ok(*n == 1)
            }
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
                let why = text.unwrap_or_else(|| "it panicked without a word".to_owned());
                Err(Failure { path: keep(&self.target, "broken", input), why })
            }
        }
    }
}

/// Writes `input` to the corpus of `target`.
///
/// # Panics
///
/// If the folder cannot be written: a failure that is not kept is lost.
pub fn keep(target: &Target, prefix: &str, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let folder = corpus_folder(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    let path = folder.join(format!("{prefix}-{:016x}", hasher.finish()));
    std::fs::write(&path, input).expect("the corpus can be written");
    path
}
