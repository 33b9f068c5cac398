//! Appends that their publishers number: judged behind what is planned, and settled with the commit.

use std::sync::Arc;

use everstream_log::{ProducerMark, ProducerState, Sequencing, StreamSeq, Verdict};

use super::{LiveStream, Place};
use crate::producer::Seat;
use crate::stream::Append;
use crate::{Error, ErrorKind, HubConfig};

/// What a publisher says of its append's place, on the way to the writer.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) sequencing: Box<Sequencing>,
    /// The producer's, loaded; there when `sequencing` names one.
    pub(crate) seat: Option<Arc<Seat>>,
}

/// What holds once an append is acknowledged.
#[derive(Debug)]
pub(crate) struct Pledge {
    producer: Option<(Arc<Seat>, ProducerState)>,
    stream_seq: Option<StreamSeq>,
    /// How many producers the stream has then.
    producers: u64,
}

/// What the writer makes of an append.
#[derive(Debug)]
pub(crate) enum Planning {
    /// It has its place.
    Placed(Place, Box<Sequencing>, Box<Pledge>),
    /// The producer's append, planned or in the log.
    Duplicate(Arc<Seat>),
}

impl LiveStream {
    /// As [`LiveStream::plan`], for an append with a ticket. What its producer had accepted already is answered as that,
    /// also by a stream that has closed since: it is no further append. Everything else a closed stream refuses.
    pub(crate) fn plan_sequenced(
        &self,
        append: &Append,
        ticket: Ticket,
        config: &HubConfig,
    ) -> Result<Planning, Error> {
        let Ticket { sequencing, seat } = ticket;
        let seated = seat.zip(sequencing.producer.as_ref());
        let verdict = match &seated {
            Some((seat, mark)) => seat.judge(mark.epoch, mark.seq)?,
            None => Verdict::Accept,
        };
        let mut state = self.state();
        self.check_there(&state)?;
        match (verdict, &seated) {
            (Verdict::Duplicate(_), Some((seat, _))) => return Ok(Planning::Duplicate(Arc::clone(seat))),
            (Verdict::Fenced { epoch }, Some((_, mark))) => return Err(fenced(mark, epoch)),
            _ => self.check_open(&state)?,
        }
        if let Some((_, mark)) = &seated {
            check_next(mark, verdict)?;
        }
        let numbering = state.numbering();
        self.check_stream_seq(numbering.planned.stream_seq.as_ref(), sequencing.stream_seq.as_ref())?;
        let is_new = seated.as_ref().is_some_and(|(seat, _)| seat.is_new());
        let producers = numbering.planned.producers + u64::from(is_new);
        let producers_max = config.producers_per_stream_max;
        if producers > producers_max && is_new {
            let context = format!("stream {} has had {producers_max} producers, as many as it may", self.name);
            return Err(Error::new(ErrorKind::ProducersFull, context));
        }
        let place = self.place(&mut state, append, config.stream_bytes_max)?;
        let planned = &mut state.numbering().planned;
        planned.producers = producers;
        if let Some(seq) = &sequencing.stream_seq {
            planned.stream_seq = Some(seq.clone());
        }
        drop(state);
        let producer = seated.map(|(seat, mark)| (seat, mark.state(place.next)));
        if let Some((seat, state)) = &producer {
            seat.plan(*state);
        }
        let pledge = Pledge { producer, stream_seq: sequencing.stream_seq.clone(), producers };
        Ok(Planning::Placed(place, sequencing, Box::new(pledge)))
    }

    /// Bytewise order, so that `10` is before `2`.
    fn check_stream_seq(&self, last: Option<&StreamSeq>, given: Option<&StreamSeq>) -> Result<(), Error> {
        match (last, given) {
            (Some(last), Some(given)) if given <= last => {
                let context =
                    format!("stream {} is at {last} already, and {given} is not after it bytewise", self.name);
                Err(Error::new(ErrorKind::StreamSeqRegressed, context))
            }
            _ => Ok(()),
        }
    }

    /// The last position that a publisher gave.
    pub(crate) fn stream_seq(&self) -> Option<StreamSeq> {
        self.state().numbering.as_ref()?.held.stream_seq.clone()
    }

    /// What was pledged holds: the append is acknowledged.
    pub(crate) fn redeem(&self, pledge: Pledge) {
        let Pledge { producer, stream_seq, producers } = pledge;
        let mut state = self.state();
        let held = &mut state.numbering().held;
        held.producers = producers;
        if stream_seq.is_some() {
            held.stream_seq = stream_seq;
        }
        drop(state);
        if let Some((seat, state)) = producer {
            seat.acknowledge(state);
        }
    }
}

impl Pledge {
    /// The append failed: its producer stands where it stood.
    pub(crate) fn forget(&self) {
        if let Some((seat, _)) = &self.producer {
            seat.forget_plan();
        }
    }
}

fn check_next(mark: &ProducerMark, verdict: Verdict) -> Result<(), Error> {
    let ProducerMark { id, epoch, seq } = mark;
    match verdict {
        Verdict::Gap { expected } => {
            let context = format!("producer {id} sent {seq} in its epoch {epoch}, but {expected} comes next");
            Err(Error::new(ErrorKind::ProducerGap { expected }, context))
        }
        Verdict::LateStart => {
            let context = format!("producer {id} begins its epoch {epoch} with {seq}, but an epoch begins with 0");
            Err(Error::new(ErrorKind::ProducerLateStart, context))
        }
        Verdict::Accept | Verdict::Duplicate(_) | Verdict::Fenced { .. } => Ok(()),
    }
}

fn fenced(mark: &ProducerMark, epoch: u64) -> Error {
    let context = format!("producer {} is at epoch {epoch}; epoch {} is over", mark.id, mark.epoch);
    Error::new(ErrorKind::ProducerFenced { epoch }, context)
}
