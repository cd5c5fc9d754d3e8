//! Days that devices had with servers of every release so far, byte for byte, told to the device of this
//! build. The tapes are never made again: a release whose server says something new adds its own
//! (`UPDATE=1 cargo test -p tests servers_of_every_release`).

use std::path::PathBuf;

use tests::crash::tape;

/// Days that were recorded.
const DAYS: [u32; 1] = [1];

fn path(day: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("server-day-{day}.txt"))
}

#[test]
fn days_with_servers_of_every_release_so_far_end_as_they_did() {
    let last = path(DAYS[DAYS.len() - 1]);
    if std::env::var_os("UPDATE").is_some() && !last.exists() {
        let tape = tape::record().expect("the day ends well");
        std::fs::create_dir_all(last.parent().expect("a folder")).expect("it can be made");
        std::fs::write(&last, tape).expect("it can be written");
    }
    for day in DAYS {
        let tape = std::fs::read_to_string(path(day)).expect("a tape");
        let seen = tape::replay(&tape).unwrap_or_else(|why| panic!("day {day}: {why}"));
        assert!(seen.n_recorded > 5 && seen.n_unanswered == 0, "{seen:?}");
        assert!(tape.lines().filter(|line| line.contains(" frame ")).count() > 20, "a whole day");
    }
}

#[test]
fn a_day_of_which_one_frame_is_missing_does_not_end_as_it_did() {
    let tape = std::fs::read_to_string(path(1)).expect("a tape");
    let lines: Vec<&str> = tape.lines().collect();
    let frame = |wanted: &str| {
        let is_it = |line: &&str| line.split(' ').nth(2).is_some_and(|hex| hex.starts_with(wanted));
        lines.iter().rposition(is_it).expect("the day has one")
    };
    // The last DELTA brings outcomes, EnrolOk the name of the device.
    for number in ["35", "11"] {
        let missing = frame(number);
        let cut = lines.iter().enumerate().filter(|(n, _line)| *n != missing);
        let cut: Vec<&str> = cut.map(|(_n, line)| *line).collect();
        assert!(tape::replay(&cut.join("\n")).is_err(), "without frame {number} nobody noticed");
    }
}
