//! What the named cases are written with.

use std::time::Duration;

use everstream_crash::{
    Appended, Crash, Generator, History, Image, Loss, Opening, Operation, Pace, Stage, Subject, Survival,
};
use everstream_log::{Create, Durability, Epoch, NewRecord, ProducerMark, Sequencing, Settings, StreamName, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(crate) const POWER_CUT: Crash = Crash::Power(Survival::Nothing);

/// Memory so small that nearly each commit is folded, and fills a memtable.
pub(crate) fn opening(durability: Durability) -> Opening {
    Opening { subject: Subject::default(), durability, memtable_bytes_max: 4_096, pending_bytes_max: 2_048 }
}

/// One that folds nothing and fills no memtable.
pub(crate) fn roomy(durability: Durability) -> Opening {
    Opening { memtable_bytes_max: 8 << 20, pending_bytes_max: 128 << 10, ..opening(durability) }
}

fn name(number: u64) -> StreamName {
    StreamName::parse(&format!("s/{number}")).unwrap()
}

pub(crate) fn create(number: u64, epoch: &str) -> Operation {
    let (name, epoch) = (name(number), Epoch::parse(epoch).unwrap());
    let expires_at = Some(NOW.plus(Duration::from_secs(number)));
    let create = Create { expires_at, ..Create::new(name, epoch, Settings::new("text/event-stream"), NOW) };
    Operation::Create(Box::new(create), None)
}

pub(crate) fn append(number: u64, text: &str, bytes: usize) -> Operation {
    let mut data = text.as_bytes().to_vec();
    data.resize(text.len() + bytes, b'.');
    let records = vec![NewRecord { time: NOW, data: data.into() }];
    Operation::Append(vec![Appended { name: name(number), records, closure: None, sequencing: None }])
}

/// The append number `seq` of the stream's only producer, one of those whose state is compared.
pub(crate) fn produce(number: u64, seq: u64, bytes: usize) -> Operation {
    let records = vec![NewRecord { time: NOW, data: vec![b'.'; bytes].into() }];
    let producer = ProducerMark { id: Generator::producers().remove(0), epoch: 0, seq };
    let sequencing = Some(Box::new(Sequencing { producer: Some(producer), stream_seq: None }));
    Operation::Append(vec![Appended { name: name(number), records, closure: None, sequencing }])
}

pub(crate) fn delete(number: u64) -> Operation {
    Operation::Delete(name(number))
}

/// Has the operations acknowledged, on a new device, and ends the process.
pub(crate) fn after(opening: &Opening, operations: &[Operation]) -> (Image, History) {
    let mut stage = Stage::new(None, 1).unwrap();
    let mut history = History::new(opening.durability);
    stage.open(opening).unwrap();
    for operation in operations {
        stage.apply(operation, Pace::Whole).unwrap();
        history.acknowledged(operation.clone());
    }
    let image = stage.device().crash(Crash::Process);
    stage.end();
    (image, history)
}

/// Opens what a crash left and judges it; then the engine must take more, and have nothing to repair the next time.
pub(crate) fn check(opening: &Opening, image: &Image, history: &mut History, crash: Crash, said: &str) {
    let loss = if crash == Crash::Process { Loss::Process } else { Loss::Power };
    let mut stage = Stage::new(Some(image), 2).unwrap();
    stage.open(opening).unwrap_or_else(|error| panic!("{said}: the engine does not open: {error}"));
    let found = stage.state().unwrap();
    history.judge(&found, loss).unwrap_or_else(|violation| panic!("{said}: {}", violation.0));
    let more = create(7, "more");
    stage.apply(&more, Pace::Whole).unwrap();
    history.acknowledged(more);
    stage.close().unwrap();
    let image = stage.device().crash(POWER_CUT);
    stage.end();

    let mut stage = Stage::new(Some(&image), 3).unwrap();
    let recovery = stage.open(opening).unwrap();
    assert_eq!(recovery, everstream_log_disk::Recovery::default(), "{said}");
    let found = stage.state().unwrap();
    history.judge(&found, Loss::Power).unwrap_or_else(|violation| panic!("{said}, opened again: {}", violation.0));
    stage.end();
}
