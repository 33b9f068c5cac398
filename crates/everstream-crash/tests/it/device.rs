//! The device itself: that nothing passes it by.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use everstream_crash::{Crash, Device, Kind, Survival};

#[test]
fn the_standard_librarys_calls_reach_the_device_and_are_what_it_knows() {
    let place = tempfile::tempdir().unwrap();
    let device = Device::start(place.path(), None, 1).unwrap();
    let root = device.root().to_owned();
    fs::create_dir(root.join("d")).unwrap();
    let mut file = File::create_new(root.join("d/a")).unwrap();
    file.write_all(b"written").unwrap();
    file.sync_data().unwrap();
    file.set_len(3).unwrap();
    drop(file);
    fs::rename(root.join("d/a"), root.join("d/b")).unwrap();
    OpenOptions::new().append(true).open(root.join("d/b")).unwrap().write_all(b" and more").unwrap();
    fs::write(root.join("d/c"), "removed").unwrap();
    fs::remove_file(root.join("d/c")).unwrap();
    // By a system call that bypasses libc; the next open shows it.
    let mut temporary = tempfile::NamedTempFile::new_in(root.join("d")).unwrap();
    temporary.write_all(b"renamed").unwrap();
    temporary.persist(root.join("d/b")).unwrap();
    File::open(root.join("d/b")).unwrap();
    fs::create_dir_all(root.join("e/f")).unwrap();
    fs::write(root.join("e/f/g"), "gone with its folders").unwrap();
    fs::remove_dir_all(root.join("e")).unwrap();
    File::open(root.join("d")).unwrap().sync_all().unwrap();

    assert_eq!(device.differences().unwrap(), [""; 0]);
    let kinds: Vec<Kind> = device.steps().iter().map(|step| step.kind).collect();
    for kind in [Kind::Create, Kind::Write, Kind::Sync, Kind::Resize, Kind::Rename, Kind::Remove] {
        assert!(kinds.contains(&kind), "{kind:?} passed the device by: {kinds:?}");
    }
}

#[test]
fn a_power_cut_leaves_what_was_synced_and_a_process_leaves_all_it_wrote() {
    for (crash, left) in [(Crash::Power(Survival::Nothing), "synced"), (Crash::Process, "synced and not")] {
        let place = tempfile::tempdir().unwrap();
        let device = Device::start(place.path(), None, 1).unwrap();
        let mut file = File::create(device.root().join("a")).unwrap();
        file.write_all(b"synced").unwrap();
        file.sync_all().unwrap();
        File::open(device.root()).unwrap().sync_all().unwrap();
        file.write_all(b" and not").unwrap();
        let after = tempfile::tempdir().unwrap();
        device.crash(crash).save(after.path()).unwrap();
        assert_eq!(fs::read_to_string(after.path().join("a")).unwrap(), left);
        assert!(file.write_all(b"more").is_err(), "a device that is gone takes nothing");
    }
}
