use super::super::Scanner;
use super::*;

type Written<'a> = (u64, &'a [u8], &'a [u8]);

/// A batch as the store writes it; an item is a keyspace, a key and a row.
fn batch(sequence: u64, rows: &[Written<'_>]) -> Vec<u8> {
    let mut items = Vec::new();
    for (keyspace, key, row) in rows {
        items.extend([super::super::ITEM, 0, 0]);
        items.extend(keyspace.to_le_bytes());
        items.extend((key.len() as u16).to_le_bytes());
        items.extend((row.len() as u32).to_le_bytes());
        items.extend((row.len() as u32).to_le_bytes());
        items.extend(*key);
        items.extend(*row);
    }
    let head = [&[START][..], &(rows.len() as u32).to_le_bytes(), &sequence.to_le_bytes()].concat();
    [&head, &items[..], &[END], &xxh3_64(&items).to_le_bytes(), &TRAILER].concat()
}

fn check(persisted: &[(u64, u64)], journals: &[Vec<u8>], left: &[u8]) {
    let mut remnant = Remnant::new(persisted.to_vec());
    journals.iter().for_each(|journal| remnant.add(journal));
    assert_eq!(remnant.journal(), left);
    assert_eq!(Scanner::default().whole(left), left.len(), "it is a whole journal");
}

#[test]
fn what_a_table_has_is_left_out_by_keyspace() {
    let journal = [
        batch(4, &[(1, b"a", b"in a table"), (2, b"a", b"in none")]),
        batch(5, &[(1, b"b", b"the last one there"), (3, b"a", b"of one without tables")]),
        batch(6, &[(1, b"c", b"in none")]),
    ];
    let left = batch(6, &[(2, b"a", b"in none"), (3, b"a", b"of one without tables"), (1, b"c", b"in none")]);
    check(&[(1, 5), (2, 3)], &[journal.concat()], &left);
}

#[test]
fn nothing_is_left_of_a_journal_whose_rows_are_all_in_tables() {
    check(&[(1, 9)], &[[batch(4, &[(1, b"a", b"")]), batch(9, &[(1, b"b", b"")])].concat()], &[]);
    check(&[], &[Vec::new()], &[]);
}

#[test]
fn of_a_key_in_batches_that_become_one_the_last_row_counts() {
    let journal = [batch(1, &[(1, b"a", b"first"), (2, b"a", b"other")]), batch(2, &[(1, b"a", b"last")])];
    check(&[], &[journal.concat()], &batch(2, &[(1, b"a", b"last"), (2, b"a", b"other")]));
}

#[test]
fn batches_are_gathered_up_to_a_bound_and_never_divided() {
    let keys: Vec<[u8; 2]> = (0..ITEMS_MAX as u16 + 10).map(u16::to_be_bytes).collect();
    let rows: Vec<Written<'_>> = keys.iter().map(|key| (1, &key[..], &b"row"[..])).collect();
    let (most, rest) = rows.split_at(ITEMS_MAX - 1);
    let journal = [batch(1, most), batch(2, rest), batch(3, &[(1, b"z", b"next")])];
    check(&[], &[journal.concat()], &[batch(2, &rows), batch(3, &[(1, b"z", b"next")])].concat());
}

#[test]
fn an_older_journal_that_is_there_once_more_comes_first() {
    let older = batch(7, &[(1, b"a", b"older")]);
    let newest = batch(7, &[(1, b"a", b"older"), (1, b"b", b"newer")]);
    check(&[], &[older.clone(), newest], &[older, batch(8, &[(1, b"a", b"older"), (1, b"b", b"newer")])].concat());
}

#[test]
fn rows_are_the_last_of_their_keys_in_order() {
    let mut remnant = Remnant::new(Vec::new());
    let newer = batch(9, &[(2, b"a", b"newer"), (1, b"c", b"")]);
    remnant.add(&batch(3, &[(2, b"a", b"older"), (1, b"d", b""), (1, b"b", b"")]));
    remnant.add(&newer);
    let row = |keyspace, key, sequence, value| Row { keyspace, key, sequence, kind: 0, value };
    let (nothing, rows) = (&b""[..], remnant.rows());
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[..3], [row(1, b"b", 3, nothing), row(1, b"c", 9, nothing), row(1, b"d", 3, nothing)]);
    assert_eq!(rows[3], row(2, b"a", 9, b"newer"));
}
