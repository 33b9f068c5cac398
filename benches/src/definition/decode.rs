//! Our decoder beside the other maintained decoders of event streams in Rust, in memory: what tokens cost who reads them.

mod decoders;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use clap::Args;
use serde::Serialize;

use self::decoders::{ALL, Contestant};
use super::{Bench, Definition};
use crate::process::own_cpu;
use crate::result::{Metric, Report};

#[derive(Debug, Clone, Args, Serialize)]
pub(crate) struct Decoding {
    /// Events of the traffic.
    #[arg(long, default_value_t = 2_000)]
    events: usize,
    /// Milliseconds for which each decoder reads it again and again in one round.
    #[arg(long, default_value_t = 200)]
    millis: u64,
    /// How often each has its turn.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

const SPEED: Metric = Metric::more("bytes", "GB/s");
const EACH: Metric = Metric::less("an event", "ns");

/// A full packet on an Ethernet.
const PACKET_BYTES: usize = 1_400;

impl Definition for Decoding {
    const NAME: &'static str = "decode";
    const HOLDS: &'static str = "every decoder hands out the data of every event, unchanged and in order";

    fn workload(&self) -> String {
        let Self { events, .. } = self;
        format!(
            "{events} chunks of a chat completion in memory, at once, in packets of {PACKET_BYTES} bytes, event by event"
        )
    }

    fn smoke() -> Self {
        Self { events: 50, millis: 2, rounds: 1 }
    }

    async fn measure(&self, _bench: &Bench) -> Result<Report> {
        let mut report = Report::default();
        let events: Vec<String> = (0..self.events).map(data_of).collect();
        let blocks: Vec<String> = events.iter().map(|data| format!("data: {data}\n\n")).collect();
        let traffic = Bytes::from(blocks.concat());
        let packets = (0..traffic.len())
            .step_by(PACKET_BYTES)
            .map(|at| traffic.slice(at..traffic.len().min(at + PACKET_BYTES)))
            .collect();
        let cuts: [(&str, Vec<Bytes>); 3] = [
            ("at once", vec![traffic.clone()]),
            ("packets", packets),
            ("event by event", blocks.into_iter().map(Bytes::from).collect()),
        ];
        for (case, chunks) in &cuts {
            for (name, contestant) in ALL {
                judge(contestant, chunks, &events).with_context(|| format!("{name}, {case}"))?;
            }
            for _ in 0..self.rounds {
                for (name, contestant) in ALL {
                    let each = self.time(contestant, chunks)?;
                    report
                        .entry(*case, name)
                        .add(SPEED, traffic.len() as f64 / each.as_secs_f64() / 1e9)
                        .add(EACH, each.as_secs_f64() * 1e9 / self.events as f64);
                }
            }
        }
        Ok(report)
    }
}

impl Decoding {
    /// What reading all of `chunks` takes of a core; others may use it meanwhile.
    fn time(&self, contestant: Contestant, chunks: &[Bytes]) -> Result<Duration> {
        let (began, time) = (Instant::now(), Duration::from_millis(self.millis));
        let cpu_before = own_cpu()?;
        let mut passes = 0;
        // The kernel's count goes on in steps.
        while began.elapsed() < time || own_cpu()? == cpu_before {
            let mut bytes = 0;
            contestant(black_box(chunks), &mut |data| bytes += data.len())?;
            black_box(bytes);
            passes += 1;
        }
        Ok(own_cpu()?.saturating_sub(cpu_before) / passes)
    }
}

/// Whether `contestant` hands out `events`.
fn judge(contestant: Contestant, chunks: &[Bytes], events: &[String]) -> Result<()> {
    let mut due = events.iter();
    let mut is_right = true;
    contestant(chunks, &mut |data| is_right &= due.next().is_some_and(|due| due == data))?;
    ensure!(is_right && due.next().is_none(), "the events are not those that were sent");
    Ok(())
}

/// The data of a chunk, as an OpenAI-compatible upstream sends it.
fn data_of(number: usize) -> String {
    const WORDS: [&str; 8] = [" the", " stream", ",", " résumé", " and", "\\n\\n", " 東京", " again"];
    let word = WORDS.get(number % WORDS.len()).copied().unwrap_or_default();
    format!(
        "{{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\"object\":\"chat.completion.chunk\",\"created\":1741570283,\
         \"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_fc9f1d7035\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}"
    )
}
