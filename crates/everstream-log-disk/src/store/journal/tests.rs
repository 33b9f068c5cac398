use super::*;

/// A batch of one item, as the store writes it.
fn batch(sequence: u64, value: &[u8]) -> Vec<u8> {
    let mut item = vec![ITEM, 0, 0];
    item.extend(5_u64.to_le_bytes());
    item.extend(3_u16.to_le_bytes());
    item.extend((value.len() as u32).to_le_bytes());
    item.extend((value.len() as u32).to_le_bytes());
    item.extend(b"key");
    item.extend(value);
    let mut batch = vec![START];
    batch.extend(1_u32.to_le_bytes());
    batch.extend(sequence.to_le_bytes());
    batch.extend(&item);
    batch.push(END);
    batch.extend(xxh3_64(&item).to_le_bytes());
    batch.extend(TRAILER);
    batch
}

fn scan(journal: &[u8]) -> Scan {
    let mut scanner = Scanner::default();
    let whole = scanner.whole(journal);
    scanner.end(&journal[whole..])
}

fn clean(journal: &[u8], batches: u64) -> Scan {
    Scan { whole_bytes: journal.len() as u64, batches, torn_bytes: 0, batches_behind: 0 }
}

#[test]
fn whole_batches_and_zeros_behind_them_are_clean() {
    assert_eq!(scan(&[]), clean(&[], 0));
    let journal = [batch(0, b"a"), batch(1, b""), batch(9, &[0; 10_000])].concat();
    assert_eq!(scan(&journal), clean(&journal, 3));
    for zeros in [1, 4_095, 4_096, 4_097, 50_000] {
        let padded = [journal.clone(), vec![0; zeros]].concat();
        assert_eq!(scan(&padded), clean(&journal, 3));
    }
}

#[test]
fn a_batch_cut_anywhere_is_torn_off() {
    let (first, second) = (batch(1, b"first"), batch(2, b"second"));
    for cut in 1..second.len() {
        for zeros in [0, 5_000] {
            let journal = [&first[..], &second[..cut], &vec![0; zeros]].concat();
            let found = scan(&journal);
            assert_eq!((found.whole_bytes, found.batches), (first.len() as u64, 1), "{cut}");
            let torn = second[..cut].iter().rposition(|byte| *byte != 0).unwrap() + 1;
            assert!((torn..=cut).contains(&(found.torn_bytes as usize)), "{cut}");
        }
    }
}

#[test]
fn a_flipped_byte_is_found_and_so_are_the_batches_behind_it() {
    let (first, second, third) = (batch(1, b"first"), batch(2, b"second"), batch(3, b"third"));
    let journal = [first.clone(), second.clone(), third].concat();
    for place in first.len()..first.len() + second.len() {
        let mut damaged = journal.clone();
        damaged[place] ^= 0x80;
        let found = scan(&damaged);
        let sequence = first.len() + 5..first.len() + 13;
        if sequence.contains(&place) {
            // Outside the checksum; caught by the step it makes unless it is a small one.
            assert!(found.whole_bytes <= (first.len() + second.len()) as u64, "{place}");
        } else {
            assert_eq!(found.whole_bytes, first.len() as u64, "{place}");
            assert_eq!(found.batches_behind, 1, "{place}");
        }
    }
}

#[test]
fn lengths_beyond_the_journal_are_damage_not_memory() {
    let mut journal = batch(1, b"value");
    journal[26..34].fill(0xff);
    assert_eq!(scan(&journal).whole_bytes, 0);
}

#[test]
fn a_journal_is_read_in_pieces_as_if_it_were_one() {
    // Batches that end within a piece, take several of them, have one of zeros only within them, and zeros behind them.
    let batches = [batch(1, b"a"), batch(2, &[7; 700_000]), batch(3, &[0; 900_000]), batch(4, b"z")];
    let file = tempfile::NamedTempFile::new().unwrap();
    for (journal, torn) in [
        (batches.concat(), &[][..]),
        ([&batches.concat()[..], &[0; 600_000]].concat(), &[]),
        ([&batches.concat()[..], &[0; 600_000], b"torn"].concat(), &[&[0; 600_000][..], b"torn"].concat()),
    ] {
        std::fs::write(file.path(), &journal).unwrap();
        let mut taken = Vec::new();
        let (found, rest) = read(file.path(), |whole| taken.extend_from_slice(whole)).unwrap();
        assert_eq!(found, scan(&journal));
        assert!(taken == batches.concat() && rest == torn);
    }
}
