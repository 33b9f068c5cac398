use super::*;

fn refusal(path: &Path) -> String {
    let error = Directory::claim(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    let said = error.to_string();
    assert!(said.contains(&path.display().to_string()), "{said}");
    said
}

fn complete(path: &Path) {
    let mut directory = Directory::claim(path).unwrap();
    // As the store makes it.
    fs::create_dir_all(directory.store().join(KEYSPACES_DIRECTORY)).unwrap();
    directory.complete().unwrap();
}

#[test]
fn an_empty_or_missing_directory_becomes_ours() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("a/b");
    complete(&path);
    assert!(Directory::claim(&path).unwrap().is_complete());
    assert_eq!(fs::read_to_string(path.join("FORMAT")).unwrap(), "everstream disk log, format 4\n");
}

#[test]
fn the_root_of_a_mounted_volume_is_empty_enough() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("lost+found")).unwrap();
    complete(place.path());
}

#[test]
fn somebody_elses_directory_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("thesis.tex"), "x").unwrap();
    let said = refusal(place.path());
    assert!(said.contains("is not Everstream's") && said.contains("thesis.tex"), "{said}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn a_store_without_its_format_is_never_removed() {
    let place = tempfile::tempdir().unwrap();
    complete(place.path());
    fs::create_dir_all(place.path().join("store")).unwrap();
    fs::remove_file(place.path().join("FORMAT")).unwrap();
    refusal(place.path());
    assert!(place.path().join("store").exists());
}

#[test]
fn an_interrupted_making_starts_again() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::claim(place.path()).unwrap();
    fs::create_dir(directory.store()).unwrap();
    fs::write(directory.store().join("0.jnl"), "half").unwrap();
    drop(directory);
    let directory = Directory::claim(place.path()).unwrap();
    assert!(!directory.is_complete() && !directory.store().exists());
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let place = tempfile::tempdir().unwrap();
    complete(place.path());
    fs::write(place.path().join("FORMAT"), "everstream disk log, format 5\n").unwrap();
    let said = refusal(place.path());
    assert!(said.contains("is of format 5") && said.contains("up to format 4"), "{said}");
}

#[test]
fn an_older_format_becomes_this_one_also_when_a_crash_came_between() {
    let place = tempfile::tempdir().unwrap();
    complete(place.path());
    let present = "everstream disk log, format 4\n";
    for (older, left_by_a_crash) in
        (1..FORMAT).flat_map(|older| [None, Some("everstr"), Some(present)].map(|left| (older, left)))
    {
        let older = format!("everstream disk log, format {older}\n");
        fs::write(place.path().join("FORMAT"), &older).unwrap();
        if let Some(left) = left_by_a_crash {
            fs::write(place.path().join("FORMAT.new"), left).unwrap();
        }
        let mut directory = Directory::claim(place.path()).unwrap();
        assert!(directory.is_complete());
        assert_eq!(fs::read_to_string(place.path().join("FORMAT")).unwrap(), older, "until the store was opened");
        directory.complete().unwrap();
        assert_eq!(fs::read_to_string(place.path().join("FORMAT")).unwrap(), present);
        assert!(!place.path().join("FORMAT.new").exists());
    }
}

#[test]
fn a_strange_format_file_is_refused() {
    let place = tempfile::tempdir().unwrap();
    for text in ["", "format 1", "everstream disk log, format one\n"] {
        fs::write(place.path().join("FORMAT"), text).unwrap();
        assert!(refusal(place.path()).contains("not Everstream's"), "{text:?}");
    }
}

#[test]
fn a_second_opener_is_refused_and_learns_who_was_first() {
    let place = tempfile::tempdir().unwrap();
    let first = Directory::claim(place.path()).unwrap();
    let said = refusal(place.path());
    assert!(said.contains("in use by another process"), "{said}");
    assert!(said.contains(&std::process::id().to_string()), "{said}");
    drop(first);
    Directory::claim(place.path()).unwrap();
}

#[test]
fn a_path_that_cannot_be_a_directory_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(refusal(&file.join("data")).contains("choose another directory"));
}
