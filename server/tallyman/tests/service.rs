//! The program as a service: it says when it is ready, tells no secret, stops in good order, and
//! comes as a package.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const TALLYMAN: &str = env!("CARGO_BIN_EXE_tallyman");
const PASSWORD: &str = "a secret of the boss";
/// How long a machine with too much to do may take.
const PATIENCE: Duration = Duration::from_secs(120);

fn tallyman(arguments: &[&str]) -> Output {
    Command::new(TALLYMAN).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server of its own, which is ended when the test is.
struct Service {
    child: Child,
    address: String,
    link: String,
}

impl Service {
    fn start(folder: &Path) -> Self {
        let manager = UnixDatagram::bind(folder.join("notify")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut child = Command::new(TALLYMAN)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "json", "--log-level", "debug"])
            .env("TALLYMAN_DATA", folder.join("data"))
            .env("TALLYMAN_METRICS_KEY", "hush-metrics")
            .env("NOTIFY_SOCKET", folder.join("notify"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().expect("it says where it is").unwrap();
        let address = next().strip_prefix("Listening: http://").expect("an address").to_owned();
        let link = next().rsplit(' ').next().unwrap().to_owned();
        let mut said = [0; 64];
        let n = manager.recv(&mut said).expect("the manager is told");
        assert_eq!(&said[..n], b"READY=1");
        Self { child, address, link }
    }

    /// Asks for something; the status and the body.
    fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: application/json\r\nauthorization: Bearer {key}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Ends it as a service manager does; what it logged.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_log_is_json_and_holds_no_secret_and_the_service_stops_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path());
    assert_eq!(service.ask("GET", "/readyz", "", &Value::Null).0, 200);
    let link = service.link.rsplit('/').next().unwrap().to_owned();
    let boss = json!({"token": link, "user": "boss", "name": "Boss", "password": PASSWORD});
    assert_eq!(service.ask("POST", "/api/v1/first-administrator", "", &boss).0, 204);
    // Somebody types a password where the name belongs.
    let slipped = json!({"user": "slipped-secret", "password": "wrong-secret", "bearer": true});
    assert_eq!(service.ask("POST", "/api/v1/session", "", &slipped).0, 401);
    let asked = json!({"user": "boss", "password": PASSWORD, "bearer": true});
    let (status, session) = service.ask("POST", "/api/v1/session", "", &asked);
    assert_eq!(status, 200);
    let session = session["token"].as_str().unwrap();
    let person = json!({"name": "Anna", "pin": "493817", "badge": "BADGE-OF-ANNA"});
    assert_eq!(service.ask("PUT", "/api/v1/people/anna", session, &person).0, 204);
    let asked = json!({"name": "robot", "user": "boss", "scopes": ["read"]});
    let (status, made) = service.ask("POST", "/api/v1/tokens", session, &asked);
    assert_eq!(status, 201);
    let key = made["token"].as_str().unwrap();
    assert_eq!(service.ask("GET", "/api/v1/status", key, &Value::Null).0, 200);
    assert_eq!(service.ask("GET", "/metrics", "hush-metrics", &Value::Null).0, 200);
    let (session, key) = (session.to_owned(), key.to_owned());
    let log = service.stop();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert!(lines.len() >= 3, "{log}");
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()));
    assert!(lines.iter().any(|line| line["message"] == "signed in" && line["operator"] == "boss"));
    assert!(lines.iter().any(|line| line["message"] == "a sign-in failed"));
    let secrets =
        [PASSWORD, "slipped-secret", "wrong-secret", "493817", "BADGE-OF-ANNA", "hush-metrics"];
    for secret in secrets.into_iter().chain([session.as_str(), key.as_str()]) {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

#[test]
fn the_settings_are_shown_with_their_origin_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tallyman.toml");
    let settings = "company = \"Acme\"\nheartbeat_s = 20\nmetrics_key = \"hush-metrics\"\n";
    std::fs::write(&file, settings).unwrap();
    let shown = |first: &[&str]| {
        let mut command = Command::new(TALLYMAN);
        command.args(first).arg("--config").arg(&file).args(["--heartbeat-s", "25"]);
        let output = command.env("TALLYMAN_DATA", "/somewhere").output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let printed = shown(&["config", "print"]);
    assert_eq!(printed, shown(&["serve", "--print-config"]));
    let line = |name: &str| {
        let line = printed.lines().find(|line| line.starts_with(&format!("{name} = ")));
        let (value, origin) = line.expect(name).split_once('#').unwrap();
        (value.split_once('=').unwrap().1.trim().to_owned(), origin.trim().to_owned())
    };
    let of = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(line("company"), of("\"Acme\"", "file"));
    assert_eq!(line("heartbeat_s"), of("25", "flag"));
    assert_eq!(line("data"), of("\"/somewhere\"", "environment"));
    assert_eq!(line("connections_max"), of("10000", "default"));
    assert_eq!(line("metrics_key"), of("\"***\"", "file"));
    assert!(!printed.contains("hush-metrics"), "{printed}");
    // What is shown can be a file again.
    let again = folder.path().join("again.toml");
    std::fs::write(&again, &printed).unwrap();
    let read = tallyman(&["config", "print", "--config", again.to_str().unwrap()]);
    assert!(read.status.success(), "{read:?}");
}

#[test]
fn settings_that_cannot_be_are_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tallyman.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_on = 3\n").unwrap();
    let told = tallyman(&["serve", "--config", file.to_str().unwrap()]);
    assert!(!told.status.success());
    assert!(text(&told.stderr).contains("listen_on"), "{told:?}");
    let told = tallyman(&["serve", "--certificate", "c.pem"]);
    assert!(!told.status.success() && text(&told.stderr).contains("key"), "{told:?}");
}

/// Builds the package around this very program.
fn package(folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/deb");
    let mut command = Command::new(script);
    command.args(["--binary", TALLYMAN, "--output"]).arg(folder).env("DEB_COMPRESSION", "none");
    command.output().expect("bash runs it")
}

#[test]
fn the_package_holds_the_program_its_unit_and_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let built = package(folder.path());
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        assert_eq!(built.status.code(), Some(3), "without dpkg-deb it says so: {built:?}");
        return;
    }
    assert!(built.status.success(), "{built:?}");
    let package = text(&built.stdout).trim().to_owned();
    let dpkg = |arguments: &[&str]| {
        let output = Command::new("dpkg-deb").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    assert_eq!(dpkg(&["--field", &package, "Package"]).trim(), "tallyman");
    let version = dpkg(&["--field", &package, "Version"]);
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));
    assert!(dpkg(&["--field", &package, "Depends"]).contains("libc6"));
    let contents = dpkg(&["--contents", &package]);
    for (rights, path) in [
        ("-rwxr-xr-x", "./usr/bin/tallyman"),
        ("-rw-r--r--", "./usr/lib/systemd/system/tallyman.service"),
        ("-rw-r--r--", "./etc/tallyman/tallyman.toml"),
        ("-rw-r--r--", "./usr/share/doc/tallyman/copyright"),
    ] {
        let line = contents.lines().find(|line| line.ends_with(path)).expect(path);
        assert!(line.starts_with(rights) && line.contains("root/root"), "{line}");
    }
    let tree = folder.path().join("tree");
    dpkg(&["--raw-extract", &package, tree.to_str().unwrap()]);
    let conffiles = std::fs::read_to_string(tree.join("DEBIAN/conffiles")).unwrap();
    assert_eq!(conffiles.trim(), "/etc/tallyman/tallyman.toml");
    for script in ["postinst", "prerm", "postrm"] {
        let checked = Command::new("sh").arg("-n").arg(tree.join("DEBIAN").join(script)).status();
        assert!(checked.unwrap().success(), "{script}");
    }
    let sums = Command::new("md5sum")
        .args(["--check", "--quiet", "DEBIAN/md5sums"])
        .current_dir(&tree)
        .status();
    assert!(sums.unwrap().success());
    // The program of the package runs with the settings of the package.
    let settings = tree.join("etc/tallyman/tallyman.toml");
    let output = Command::new(tree.join("usr/bin/tallyman"))
        .args(["config", "print", "--config"])
        .arg(settings)
        .env("TALLYMAN_DATA", "/var/lib/tallyman")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    assert!(shown.contains("log = \"json\"") && shown.contains("own making"), "{shown}");
}

#[test]
fn the_unit_names_what_the_package_brings() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let unit = std::fs::read_to_string(packaging.join("tallyman.service")).unwrap();
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/tallyman serve --config /etc/tallyman/tallyman.toml",
        "Environment=TALLYMAN_DATA=/var/lib/tallyman",
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "Restart=on-failure",
    ] {
        assert!(unit.lines().any(|own| own == line), "{line}");
    }
    // Where systemd is there, it has nothing to say against it but that the program is not here.
    let copy = tempfile::tempdir().unwrap();
    let own = copy.path().join("tallyman.service");
    std::fs::write(&own, unit.replace("/usr/bin/tallyman", TALLYMAN)).unwrap();
    if let Ok(verified) = Command::new("systemd-analyze").arg("verify").arg(&own).output() {
        let said = text(&verified.stderr);
        let about_us: Vec<_> = said.lines().filter(|line| line.contains("tallyman")).collect();
        assert!(about_us.is_empty(), "{about_us:?}");
    }
    let docker = std::fs::read_to_string(packaging.join("Dockerfile")).unwrap();
    for line in ["USER nonroot", "ENTRYPOINT [\"/usr/bin/tallyman\"]", "CMD [\"serve\"]"] {
        assert!(docker.lines().any(|own| own == line), "{line}");
    }
}

/// The folders in which a server that was told nothing but `data` keeps what it has: those that
/// `config print` shows.
fn default_folders(data: &str) -> Vec<String> {
    let output = Command::new(TALLYMAN).args(["config", "print", "--data", data]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    let folder = |key: &str| {
        let line = shown.lines().find(|line| line.trim_start().starts_with(&format!("{key} = ")));
        let line = line.unwrap_or_else(|| panic!("{key} in {shown}"));
        line.split('"').nth(1).unwrap().to_owned()
    };
    vec![folder("data"), folder("backup")]
}

#[test]
fn the_default_folders_are_those_that_the_unit_and_the_image_make_writable() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let unit = std::fs::read_to_string(packaging.join("tallyman.service")).unwrap();
    let of = |text: &str, key: &str| -> String {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let data = of(&unit, "Environment=TALLYMAN_DATA=");
    let folders = default_folders(&data);
    assert_eq!(folders.len(), 2);
    // systemd makes these below /var/lib, for the service's own user; all else is read-only.
    let state = of(&unit, "StateDirectory=");
    let made: Vec<String> =
        state.split_whitespace().map(|name| format!("/var/lib/{name}")).collect();
    let docker = std::fs::read_to_string(packaging.join("Dockerfile")).unwrap();
    let env = of(&docker, "ENV ");
    let of_image = env.split_whitespace().find_map(|pair| pair.strip_prefix("TALLYMAN_DATA="));
    assert_eq!(of_image, Some(data.as_str()));
    let volumes = of(&docker, "VOLUME ");
    let volumes: Vec<&str> = volumes.split_whitespace().collect();
    for folder in &folders {
        assert!(made.contains(folder), "{folder} is not in {state}");
        assert!(volumes.contains(&folder.as_str()), "{folder} is in no volume");
        let copied = docker.lines().any(|line| {
            line.starts_with("COPY --from=build --chown=nonroot:nonroot ")
                && line.ends_with(&format!(" {folder}"))
        });
        assert!(copied, "{folder} is not made for the user of the image");
    }
}
