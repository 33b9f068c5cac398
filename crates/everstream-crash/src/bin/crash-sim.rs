//! Runs seeds of the crash simulation: `crash-sim FROM [COUNT]`. All of them run; each that shows a fault is told.
#![expect(clippy::print_stdout, reason = "what it found is what it is for")]

#[cfg(target_os = "linux")]
const USAGE: &str = "usage: crash-sim FROM [COUNT]    e.g. `crash-sim 0 1000`, or `crash-sim 123` for one seed";

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use everstream_crash::{Subject, Tally, simulate};

    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let (from, count) = match numbers.as_deref() {
        Ok([seed]) => (*seed, 1),
        Ok([from, count]) => (*from, *count),
        _ => {
            println!("{USAGE}");
            return std::process::ExitCode::from(2);
        }
    };
    let mut tally = Tally::default();
    let mut failed = 0;
    for seed in from..from.saturating_add(count) {
        match simulate(seed, Subject::default()) {
            Ok(run) => tally.add(&run),
            Err(failure) => {
                failed += 1;
                println!("{failure}");
                match keep(&failure) {
                    Ok(place) => println!("the files this life began with are in {}\n", place.display()),
                    Err(error) => println!("the files this life began with could not be kept: {error}\n"),
                }
            }
        }
    }
    println!("seeds from {from}: {failed} of {count} failed\n{tally}");
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

#[cfg(target_os = "linux")]
fn keep(failure: &everstream_crash::Failure) -> std::io::Result<std::path::PathBuf> {
    let place = tempfile::Builder::new().prefix(&format!("crash-sim-{}-", failure.seed)).tempdir()?.keep();
    failure.before.as_ref().map_or(Ok(()), |image| image.save(&place))?;
    Ok(place)
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the crash simulation runs on Linux only");
}
