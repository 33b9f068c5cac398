//! Many answers at once through a relay: ours, which keeps them, beside nginx and LiteLLM, which do not.

mod answers;
mod server;

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use self::answers::{Answers, Flow, Spent};
use self::server::Relayer;
use super::{Bench, Definition};
use crate::peer::Found;
use crate::process::{Process, own_cpu};
use crate::result::{Latencies, Metric, Report, micros_each};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Relay {
    /// Answers at the same time.
    #[arg(long, value_delimiter = ',', default_values_t = [500, 1_000])]
    answers: Vec<usize>,
    /// The same for LiteLLM and, beside it, for all; it takes a core for some fifty.
    #[arg(long, default_value_t = 20)]
    answers_beside_litellm: usize,
    /// Tokens per second and answer.
    #[arg(long, default_value_t = 40)]
    rate: u64,
    /// Seconds each answer takes.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// What an acknowledgement means.
    #[arg(long, default_value = "os")]
    durability: String,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
}

/// What the tokens of one run took, while all answers flowed.
struct Outcome {
    spent: Spent,
    latencies: Latencies,
    resident_kib: u64,
}

/// The upstream and the callers with nothing between them.
const DIRECT: &str = "no relay";

const CPU: Metric = Metric::less("CPU per token", "µs");
const CPU_CALLERS: Metric = Metric::fact("callers' own CPU", "µs");
const ADDED_P50: Metric = Metric::less("added p50", "ms");
const ADDED_P99: Metric = Metric::less("added p99", "ms");
const P50: Metric = Metric::fact("p50", "ms");
const P99: Metric = Metric::fact("p99", "ms");
const RESIDENT: Metric = Metric::less("resident", "MiB");

impl Definition for Relay {
    const NAME: &'static str = "relay";
    const HOLDS: &'static str = "every caller gets every token, in order, and the answer's own end";

    fn workload(&self) -> String {
        let Self { answers, answers_beside_litellm, rate, seconds, durability, .. } = self;
        format!(
            "{answers:?} answers at once ({answers_beside_litellm} beside LiteLLM), {rate} tokens/s each for {seconds} s, \
             durability {durability}, counted while all of them flow; latency is added to that of the same callers and \
             upstream without a relay"
        )
    }

    fn smoke() -> Self {
        let durability = "os".to_owned();
        Self { answers: vec![8], answers_beside_litellm: 2, rate: 40, seconds: 2, durability, rounds: 1 }
    }

    async fn measure(&self, bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let usual = [Relayer::Everstream, Relayer::Nginx { workers: "auto" }, Relayer::Nginx { workers: "1" }];
        for &answers in &self.answers {
            self.compare(&mut report, bench, answers, &usual)?;
        }
        if !matches!(bench.peers.find(Relayer::LiteLlm.peer())?, Found::NotWanted) {
            let all = [Relayer::Everstream, Relayer::Nginx { workers: "auto" }, Relayer::LiteLlm];
            self.compare(&mut report, bench, self.answers_beside_litellm, &all)?;
        }
        Ok(report)
    }
}

impl Relay {
    /// Measures each relay that there is with so many answers at once.
    fn compare(&self, report: &mut Report, bench: &Bench, answers: usize, relays: &[Relayer]) -> Result<()> {
        let case = format!("{answers} answers");
        for _ in 0..self.rounds {
            let upstream = Process::start_own("upstream")?;
            let path = format!("/rate={}/tokens={}/v1/chat/completions", self.rate, self.tokens());
            let mut direct = self.ask(&upstream, &path, answers)?;
            report
                .entry(&case, DIRECT)
                .add(P50, direct.latencies.quantile_ms(0.5))
                .add(P99, direct.latencies.quantile_ms(0.99))
                .add(CPU_CALLERS, micros_each(direct.spent.own_cpu, direct.latencies.len()));
            for relay in relays {
                let program = match relay.program(bench)? {
                    Found::At(program) => program,
                    Found::NotWanted => continue,
                    Found::Missing(reason) => {
                        report.leave_out(&case, relay.name(), reason);
                        continue;
                    }
                };
                let running = relay.start(&program, upstream.address, &path, &self.durability)?;
                let outcome = self.ask(&running.process, &running.path, answers)?;
                add(report, &case, relay.name(), outcome, &mut direct.latencies);
            }
        }
        Ok(())
    }

    /// Of one answer.
    fn tokens(&self) -> u64 {
        self.rate * self.seconds
    }

    /// Asks for every answer, spread over a fifth of the time that one takes, and reads each to its end.
    fn ask(&self, process: &Process, path: &str, answers: usize) -> Result<Outcome> {
        let body = r#"{"model":"bench","stream":true,"messages":[{"role":"user","content":"go"}]}"#;
        let (address, length) = (process.address, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAuthorization: Bearer none\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let time = Duration::from_secs(self.seconds);
        let spread = time / 5;
        let callers = Answers { address, request, count: answers, tokens: self.tokens(), spread, time };
        let Flow { latencies, spent } = callers.read(|| Ok(Spent { cpu: process.cpu()?, own_cpu: own_cpu()? }))?;
        Ok(Outcome { spent, latencies, resident_kib: process.resident_kib()? })
    }
}

fn add(report: &mut Report, case: &str, name: String, mut outcome: Outcome, direct: &mut Latencies) {
    let (p50, p99) = (outcome.latencies.quantile_ms(0.5), outcome.latencies.quantile_ms(0.99));
    report
        .entry(case, name)
        .add(CPU, micros_each(outcome.spent.cpu, outcome.latencies.len()))
        .add(ADDED_P50, p50 - direct.quantile_ms(0.5))
        .add(ADDED_P99, p99 - direct.quantile_ms(0.99))
        .add(RESIDENT, outcome.resident_kib as f64 / 1024.0)
        .add(CPU_CALLERS, micros_each(outcome.spent.own_cpu, outcome.latencies.len()));
}
