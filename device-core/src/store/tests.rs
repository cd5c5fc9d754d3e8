use super::*;

fn batch(changes: &[(&str, Option<&str>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec()),
            None => batch.delete(key.as_bytes().to_vec()),
        }
    }
    batch
}

fn keys(pairs: &[Pair]) -> Vec<&str> {
    pairs.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
}

/// What both stores must do alike.
fn conforms(store: &mut dyn Store) {
    store.apply(batch(&[("a1", Some("x")), ("a2", Some("y")), ("b1", Some("z"))])).unwrap();
    store.apply(batch(&[("a1", Some("x2")), ("a3", Some("w")), ("a2", None)])).unwrap();
    assert_eq!(store.get(b"a1").unwrap().as_deref(), Some(&b"x2"[..]));
    assert_eq!(store.get(b"a2").unwrap(), None);
    assert_eq!(keys(&store.scan(b"a", b"a", 9).unwrap()), ["a1", "a3"]);
    assert_eq!(keys(&store.scan(b"a", b"a2", 9).unwrap()), ["a3"]);
    assert_eq!(keys(&store.scan(b"a", b"", 1).unwrap()), ["a1"]);
    assert_eq!(keys(&store.scan(b"a", b"b", 9).unwrap()), Vec::<&str>::new());
    assert_eq!(keys(&store.scan_back(b"a", 1).unwrap()), ["a3"]);
    assert_eq!(keys(&store.scan_back(b"", 9).unwrap()), ["b1", "a3", "a1"]);
    store.sync().unwrap();
    store.set_aside().unwrap();
    assert_eq!(store.scan(b"", b"", 9).unwrap(), Vec::new());
    store.apply(batch(&[("a1", Some("new"))])).unwrap();
    assert_eq!(store.get(b"a1").unwrap().as_deref(), Some(&b"new"[..]));
}

#[test]
fn both_stores_answer_alike() {
    conforms(&mut MemoryStore::new());
    let folder = tempfile::tempdir().unwrap();
    conforms(&mut SledStore::open(&folder.path().join("queue")).unwrap().store);
}

#[test]
fn a_power_cut_takes_a_suffix_of_the_unsynced_batches() {
    let switch = MemoryStore::new();
    let mut store = switch.clone();
    store.apply(batch(&[("a", Some("1"))])).unwrap();
    store.sync().unwrap();
    store.apply(batch(&[("a", Some("2")), ("b", Some("2"))])).unwrap();
    store.apply(batch(&[("a", None), ("c", Some("3"))])).unwrap();
    assert_eq!(switch.n_unsynced(), 2);

    let other = switch.image();
    other.cut_power(1);
    assert_eq!(other.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(other.get(b"c").unwrap(), None);

    switch.cut_power(0);
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get(b"b").unwrap(), None);
}

#[test]
fn what_sled_synced_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica");
    let mut store = SledStore::open(&path).unwrap().store;
    store.apply(batch(&[("a", Some("1"))])).unwrap();
    store.sync().unwrap();
    drop(store);
    let opened = SledStore::open(&path).unwrap();
    assert_eq!(opened.set_aside, None);
    assert_eq!(opened.store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_store_that_something_has_open_still_is_waited_for_and_not_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica");
    let mut store = SledStore::open(&path).unwrap().store;
    store.apply(batch(&[("a", Some("1"))])).unwrap();
    store.sync().unwrap();
    drop(store);
    let held = std::fs::File::open(path.join("db")).unwrap();
    held.lock().unwrap();
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(held);
    });
    let opened = SledStore::open(&path).unwrap();
    assert_eq!(opened.set_aside, None);
    assert_eq!(opened.store.get(b"a").unwrap().as_deref(), Some(&b"1"[..]));
    holder.join().unwrap();
}

#[test]
fn a_folder_that_will_not_open_is_set_aside_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica");
    let mut store = SledStore::open(&path).unwrap().store;
    store.apply(batch(&[("a", Some("1"))])).unwrap();
    store.sync().unwrap();
    drop(store);
    let other = path.join("other");
    std::fs::rename(path.join("db"), &other).unwrap();
    std::fs::create_dir(path.join("db")).unwrap();
    let opened = SledStore::open(&path).unwrap();
    assert!(opened.set_aside.unwrap().contains("aside-1"));
    assert_eq!(opened.store.get(b"a").unwrap(), None);
    assert!(folder.path().join("replica.aside-1").join("other").exists(), "nothing is deleted");
}

#[test]
fn a_value_that_is_not_what_was_written_is_never_returned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica");
    drop(SledStore::open(&path).unwrap());
    let db = sled::open(&path).unwrap();
    db.insert(b"a", b"\x01\0\0\0\0value").unwrap();
    db.flush().unwrap();
    drop(db);
    let store = SledStore::open(&path).unwrap().store;
    assert_eq!(store.get(b"a"), Err(StoreError::Damaged));
    assert_eq!(store.scan(b"", b"", 9), Err(StoreError::Damaged));
}

#[test]
fn long_values_are_kept_in_parts_and_need_no_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("queue");
    let mut store = SledStore::open(&path).unwrap().store;
    let key = |no: u8| vec![b'e', no];
    let value = |no: u8, bytes: usize| vec![no; bytes];
    let lengths = [4 << 10, (4 << 10) + 1, 10 << 10, 200 << 10];
    for round in 0..2 {
        for bytes in lengths {
            let mut batch = Batch::new();
            (0..40).for_each(|no| batch.put(key(no), value(no + round, bytes)));
            store.apply(batch).unwrap();
            store.sync().unwrap();
            let expected: Vec<Pair> =
                (0..40).map(|no| (key(no), value(no + round, bytes))).collect();
            assert_eq!(store.scan(b"e", b"e", 99).unwrap(), expected);
            assert_eq!(store.scan_back(b"", 1).unwrap(), expected[39..]);
            assert_eq!(store.get(&key(7)).unwrap().as_ref(), Some(&expected[7].1));
        }
        drop(store);
        store = SledStore::open(&path).unwrap().store;
        assert_eq!(store.get(&key(39)).unwrap(), Some(value(39 + round, 200 << 10)));
    }
    assert_eq!(std::fs::read_dir(path.join("blobs")).unwrap().count(), 0);
    // Short ones in their place, and none: the parts go with them.
    let mut batch = Batch::new();
    (0..20).for_each(|no| batch.delete(key(no)));
    (20..40).for_each(|no| batch.put(key(no), value(no, 9_000)));
    (20..40).for_each(|no| batch.put(key(no), value(no, 1)));
    store.apply(batch).unwrap();
    assert_eq!(store.scan(b"", b"", 99).unwrap().len(), 20);
    drop(store);
    assert_eq!(sled::open(&path).unwrap().len(), 20);
}

mod full;
