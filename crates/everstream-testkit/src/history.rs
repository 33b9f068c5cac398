//! Checks a history of appends and observations: nothing acknowledged is lost, nothing is seen twice or out of order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes notes from producers and subscribers on any thread or task; cheap to clone.
///
/// A producer numbers what it appends to a stream 0, 1, 2 … and waits for each acknowledgement before the next, so that
/// its numbers must show up in order. An append whose answer was lost may be in the stream or not.
#[derive(Debug, Clone, Default)]
pub struct HistoryChecker(Arc<Mutex<History>>);

#[derive(Debug, Default)]
struct History {
    sent: HashSet<Mark>,
    acked: BTreeSet<Mark>,
    observed: BTreeMap<Subscriber, Vec<(String, u64)>>,
}

/// Stream, producer, number.
type Mark = (String, String, u64);
/// Stream, subscriber.
type Subscriber = (String, String);

/// What a history comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Appends tried.
    pub sent: usize,
    /// Appends acknowledged.
    pub acked: usize,
    /// Observations of all subscribers.
    pub observed: usize,
    /// Acknowledged appends that a subscriber of the stream did not see, one for each such subscriber.
    pub lost: usize,
    /// Observations of what the same subscriber had seen before.
    pub repeated: usize,
    /// Observations of a number not above the producer's last one.
    pub out_of_order: usize,
    /// Observations of what nobody sent.
    pub invented: usize,
    /// Subscribers that saw another order than the first one of their stream.
    pub disagreeing: usize,
    /// The first few faults, for people.
    pub faults: Vec<String>,
}

impl HistoryChecker {
    /// An append is about to be sent.
    pub fn sent(&self, stream: &str, producer: &str, seq: u64) {
        self.with(|history| history.sent.insert((stream.to_owned(), producer.to_owned(), seq)));
    }

    /// The append was acknowledged.
    pub fn acked(&self, stream: &str, producer: &str, seq: u64) {
        self.with(|history| history.acked.insert((stream.to_owned(), producer.to_owned(), seq)));
    }

    /// A subscriber saw the append.
    pub fn observed(&self, stream: &str, subscriber: &str, producer: &str, seq: u64) {
        let key = (stream.to_owned(), subscriber.to_owned());
        self.with(|history| history.observed.entry(key).or_default().push((producer.to_owned(), seq)));
    }

    /// The verdict over everything noted so far. Meant for the end, when every subscriber has read its stream to the
    /// close.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.with(|history| history.verdict())
    }

    fn with<T>(&self, note: impl FnOnce(&mut History) -> T) -> T {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl History {
    fn verdict(&self) -> Verdict {
        let mut verdict = Verdict { sent: self.sent.len(), acked: self.acked.len(), ..Verdict::default() };
        let mut first_of_stream: HashMap<&str, &Vec<(String, u64)>> = HashMap::new();
        for ((stream, subscriber), seen) in &self.observed {
            verdict.observed += seen.len();
            self.judge_order(stream, subscriber, seen, &mut verdict);
            self.judge_loss(stream, subscriber, seen, &mut verdict);
            if *first_of_stream.entry(stream).or_insert(seen) != seen {
                verdict.disagreeing += 1;
                verdict.fault(|| format!("{subscriber} of {stream} saw another order than its fellow"));
            }
        }
        verdict
    }

    fn judge_order(&self, stream: &str, subscriber: &str, seen: &[(String, u64)], verdict: &mut Verdict) {
        let mut before = HashSet::new();
        let mut last: HashMap<&str, u64> = HashMap::new();
        for (producer, seq) in seen {
            if !self.sent.contains(&(stream.to_owned(), producer.clone(), *seq)) {
                verdict.invented += 1;
                verdict.fault(|| format!("{subscriber} of {stream} saw {producer}:{seq}, which nobody sent"));
            }
            if !before.insert((producer, seq)) {
                verdict.repeated += 1;
                verdict.fault(|| format!("{subscriber} of {stream} saw {producer}:{seq} again"));
            } else if last.get(producer.as_str()).is_some_and(|last| seq <= last) {
                verdict.out_of_order += 1;
                verdict
                    .fault(|| format!("{subscriber} of {stream} saw {producer}:{seq} after {:?}", last[&**producer]));
            }
            last.insert(producer, *seq);
        }
    }

    fn judge_loss(&self, stream: &str, subscriber: &str, seen: &[(String, u64)], verdict: &mut Verdict) {
        let seen: HashSet<(&str, u64)> = seen.iter().map(|(producer, seq)| (producer.as_str(), *seq)).collect();
        for (_, producer, seq) in self.acked.iter().filter(|(acked_in, ..)| acked_in == stream) {
            if !seen.contains(&(producer.as_str(), *seq)) {
                verdict.lost += 1;
                verdict
                    .fault(|| format!("{subscriber} of {stream} never saw {producer}:{seq}, which was acknowledged"));
            }
        }
    }
}

impl Verdict {
    const FAULTS_MAX: usize = 20;

    fn fault(&mut self, sentence: impl FnOnce() -> String) {
        if self.faults.len() < Self::FAULTS_MAX {
            self.faults.push(sentence());
        }
    }

    /// Panics unless there is no fault and something was acknowledged and observed.
    #[track_caller]
    pub fn assert_faultless(&self) {
        assert!(self.faults.is_empty(), "{self}\n{}", self.faults.join("\n"));
        assert!(self.acked > 0 && self.observed > 0, "nothing happened: {self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {}, acked {}, observed {}: lost {}, repeated {}, out of order {}, invented {}, disagreeing {}",
            self.sent,
            self.acked,
            self.observed,
            self.lost,
            self.repeated,
            self.out_of_order,
            self.invented,
            self.disagreeing
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(acked: u64, seen: &[u64]) -> Verdict {
        let checker = HistoryChecker::default();
        for seq in 0..acked {
            checker.sent("s", "p", seq);
            checker.acked("s", "p", seq);
        }
        checker.sent("s", "p", acked);
        for &seq in seen {
            checker.observed("s", "reader", "p", seq);
        }
        checker.verdict()
    }

    #[test]
    fn a_whole_history_is_faultless_with_or_without_the_unanswered_append() {
        verdict(3, &[0, 1, 2]).assert_faultless();
        verdict(3, &[0, 1, 2, 3]).assert_faultless();
    }

    #[test]
    fn each_fault_is_counted() {
        assert_eq!(verdict(3, &[0, 2]).lost, 1);
        assert_eq!(verdict(3, &[0, 1, 1, 2]).repeated, 1);
        assert_eq!(verdict(3, &[0, 2, 1]).out_of_order, 1);
        assert_eq!(verdict(3, &[0, 1, 2, 9]).invented, 1);
    }

    #[test]
    fn subscribers_of_one_stream_must_agree_on_the_order() {
        let checker = HistoryChecker::default();
        for producer in ["p", "q"] {
            checker.sent("s", producer, 0);
            checker.acked("s", producer, 0);
        }
        for (subscriber, order) in [("one", ["p", "q"]), ("two", ["q", "p"])] {
            for producer in order {
                checker.observed("s", subscriber, producer, 0);
            }
        }
        assert_eq!(checker.verdict().disagreeing, 1);
    }
}
