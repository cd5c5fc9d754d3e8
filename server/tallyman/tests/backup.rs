//! Backup, verify and restore as a person uses them: commands in processes of their own, beside a server
//! that runs, and after it is gone.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const TALLYMAN: &str = env!("CARGO_BIN_EXE_tallyman");

fn tallyman(arguments: &[&str]) -> Output {
    Command::new(TALLYMAN).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command says that does what it should.
fn done(arguments: &[&str]) -> String {
    let output = tallyman(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command says that refuses.
fn refused(arguments: &[&str]) -> String {
    let output = tallyman(arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

/// A server at work, which is ended when the test is.
struct Serving {
    child: Child,
    /// What it says goes somewhere for as long as it runs.
    _out: BufReader<ChildStdout>,
}

impl Serving {
    fn over(data: &str) -> Self {
        let child = Command::new(TALLYMAN)
            .args(["serve", "--listen", "127.0.0.1:0", "--no-backup", "--data", data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("it runs");
        let mut out = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut line = String::new();
        out.read_line(&mut line).expect("it says where it is");
        assert!(line.starts_with("Listening: "), "{line}");
        Self { child, _out: out }
    }

    fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is our child");
    }

    /// Ends it as a service manager does; gives up after a minute.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        for _look in 0..2_400 {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                assert!(status.success(), "{status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("it does not stop");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The head of the intake chain, as `verify --chain` prints it and `--witness` takes it.
fn head_of(told: &str) -> String {
    let line = told.lines().find_map(|line| line.strip_prefix("intake "));
    line.and_then(|line| line.split(' ').next()).expect("it names the head").to_owned()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a plain name").to_owned()
}

#[test]
fn a_company_is_backed_up_beside_its_server_and_after_it_and_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let [data, second, again] = ["data", "second", "again"].map(|name| path(folder.path(), name));
    done(&["init", "--data", &data, "--company", "Acme"]);
    let serving = Serving::over(&data);
    let told = done(&["backup", "--data", &data, "--to", &second]);
    assert!(told.contains("proved by the running server"), "{told}");
    let in_use = refused(&["verify", "--data", &data]);
    assert!(in_use.contains("in use"), "{in_use}");
    serving.kill();

    // A run without the server goes on in the same folder, and compares everything.
    let told = done(&["backup", "--data", &data, "--to", &second, "--full"]);
    assert!(told.contains("are proved"), "{told}");
    done(&["verify", "--data", &data]);
    let told = done(&["verify", "--backup", &second]);
    assert!(told.contains("compared with 1 checkpoints"), "{told}");
    let head = head_of(&done(&["verify", "--chain", "--data", &data]));
    done(&["verify", "--chain", "--backup", &second, "--witness", &head]);

    let occupied = refused(&["restore", "--from", &second, "--data", &data]);
    assert!(occupied.contains("holds a company already"), "{occupied}");
    let report = path(folder.path(), "report.json");
    let told = done(&["restore", "--from", &second, "--data", &again, "--report", &report]);
    assert!(told.contains("Acme is restored, as generation "), "{told}");
    assert!(told.contains("withdraw them again"), "what was withdrawn since is as before: {told}");
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["company"], "Acme");
    let epoch = report["epoch"].as_u64().unwrap();
    assert!(epoch > 1 && told.contains(&format!("as generation {epoch}")), "{told}");
    done(&["verify", "--data", &again]);
    // The chain of the restored company goes through what was written down before.
    done(&["verify", "--chain", "--data", &again, "--witness", &head]);
    Serving::over(&again).kill();
}

#[test]
fn a_damaged_backup_is_refused_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let [data, second, again] = ["data", "second", "again"].map(|name| path(folder.path(), name));
    done(&["init", "--data", &data, "--company", "Acme"]);
    done(&["backup", "--data", &data, "--to", &second]);
    let book = folder.path().join("second/book-0000000001.tallyman");
    let mut bytes = std::fs::read(&book).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&book, bytes).unwrap();
    let told = refused(&["verify", "--backup", &second]);
    assert!(told.contains("book-0000000001.tallyman is damaged"), "{told}");
    let told = refused(&["restore", "--from", &second, "--data", &again, "--rebuild"]);
    assert!(told.contains("is damaged"), "{told}");
    assert!(!folder.path().join("again/store").exists(), "nothing was put there");
}

/// A second disk that answers nothing: a run that reads from it waits for ever.
#[test]
fn a_server_stops_though_its_backup_does_not_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let [data, second] = ["data", "second"].map(|name| path(folder.path(), name));
    done(&["init", "--data", &data, "--company", "Acme"]);
    std::fs::create_dir(&second).unwrap();
    let stuck = path(Path::new(&second), "book-0000000001.tallyman");
    assert!(Command::new("mkfifo").arg(&stuck).status().unwrap().success());
    let serving = Serving::over(&data);
    let mut asked = Command::new(TALLYMAN)
        .args(["backup", "--data", &data, "--to", &second])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    // It opens when the run has begun to read, and nothing ever comes.
    let silent = std::fs::OpenOptions::new().write(true).open(&stuck).unwrap();
    serving.stop();
    // Whoever asked for it would make the backup itself now, out of the same silence.
    asked.kill().expect("it is our child");
    asked.wait().expect("it is our child");
    drop(silent);
    std::fs::remove_file(&stuck).unwrap();
    done(&["backup", "--data", &data, "--to", &second]);
    done(&["verify", "--data", &data]);
    done(&["verify", "--backup", &second]);
}
