//! Hostile inputs by the thousand: seeded, so that a failure happens again.
//!
//! A parser runs on half the stack that a worker of the services has. One that recurses without a
//! bound overflows it, which ends the test's process as it would end a service.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Inputs that are made of each parser's samples.
pub(crate) const INPUTS: usize = 3_000;
/// The longest of them, in bytes.
const LONGEST: usize = 65_536;
/// Bytes of the inputs that repeat one word.
const MEGABYTE: usize = 1 << 20;
/// How often a word stands in itself.
const DEPTHS: [usize; 3] = [150, 3_000, 100_000];
const STACK: usize = 1 << 20;

/// Makes inputs of samples: some bytes changed, some left out, some repeated, words of the language
/// put in.
#[derive(Debug)]
pub(crate) struct Mutator<'a> {
    random: StdRng,
    samples: &'a [&'a [u8]],
    words: &'a [&'a str],
}

impl<'a> Mutator<'a> {
    /// One that makes the same inputs each time.
    pub(crate) fn new(samples: &'a [&'a [u8]], words: &'a [&'a str]) -> Self {
        Self { random: StdRng::seed_from_u64(17), samples, words }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.random_range(0..bound.max(1))
    }

    /// Two places in a text, in order.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let (a, b) = (self.below(length + 1), self.below(length + 1));
        a.min(b)..a.max(b)
    }

    /// The next input.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let place = self.below(self.samples.len());
        let mut text = self.samples[place].to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut text);
            text.truncate(LONGEST);
        }
        text
    }

    /// The next input as a text.
    pub(crate) fn next_text(&mut self) -> String {
        String::from_utf8_lossy(&self.next()).into_owned()
    }

    fn change(&mut self, text: &mut Vec<u8>) {
        let range = self.range(text.len());
        let at = range.start;
        match self.below(7) {
            0 if !text.is_empty() => {
                text[at.min(range.end.saturating_sub(1))] = self.random.random();
            }
            1 => drop(text.drain(range)),
            2 => {
                let again = text[range].repeat(1 + self.below(40));
                text.splice(at..at, again.into_iter().take(LONGEST));
            }
            3 | 4 => {
                let word = self.words[self.below(self.words.len())];
                let often = if self.below(4) == 0 { 400 } else { 3 };
                let word = word.repeat(1 + self.below(often)).into_bytes();
                text.splice(at..at, word);
            }
            5 => {
                let other = self.samples[self.below(self.samples.len())];
                let rest = self.range(other.len());
                text.splice(at.., other[rest].iter().copied());
            }
            _ => {
                let noise: Vec<u8> = (0..self.below(20)).map(|_| self.random.random()).collect();
                text.splice(at..at, noise);
            }
        }
    }
}

/// Pairs of words that open and close what may stand in itself, between a head and a tail.
pub(crate) type Nest<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Gives a parser all inputs: mutated samples, words by the megabyte, and what nests, nested.
pub(crate) fn feed(
    samples: &[&[u8]],
    words: &[&str],
    nests: &[Nest<'_>],
    parse: impl Fn(&[u8]) + Send + Sync,
) {
    let all = || {
        let mut mutator = Mutator::new(samples, words);
        for _ in 0..INPUTS {
            parse(&mutator.next());
        }
        for word in words.iter().filter(|word| !word.is_empty()) {
            parse(word.repeat(MEGABYTE / word.len()).as_bytes());
        }
        for (head, open, close, tail) in nests {
            for depth in DEPTHS {
                parse(
                    format!("{head}{}{}{tail}", open.repeat(depth), close.repeat(depth)).as_bytes(),
                );
                parse(format!("{head}{}", open.repeat(depth)).as_bytes());
            }
        }
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, all)
            .unwrap()
            .join()
            .unwrap();
    });
}
