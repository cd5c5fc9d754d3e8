//! How the server is set up: flags over environment over file over defaults, one list of names for
//! all of them, and a print that shows which came from where and no secret.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::{Deserialize, Serialize};
use server::backup::Schedule;
use server::config::{Config, Tls};
use server::secret::Masked;

use crate::Problem;
use crate::logs::{Form, Level};

/// Settings that are never shown.
const SECRETS: [&str; 1] = ["metrics_key"];

/// Every setting; left out: as the layer below says. In a file the names have `_` for `-`.
#[derive(Debug, Clone, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The data folder [default: tallyman-data].
    #[arg(long, env = "TALLYMAN_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8480].
    #[arg(long, env = "TALLYMAN_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
    /// The address that devices and browsers use, when it is another.
    #[arg(long, env = "TALLYMAN_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
    /// A certificate chain in PEM; needs the key too.
    #[arg(long, env = "TALLYMAN_CERTIFICATE")]
    pub(crate) certificate: Option<PathBuf>,
    /// The private key of the certificate in PEM.
    #[arg(long, env = "TALLYMAN_KEY")]
    pub(crate) key: Option<PathBuf>,
    /// Make and keep a certificate for these names.
    #[arg(long, env = "TALLYMAN_SELF_SIGNED", value_delimiter = ',')]
    pub(crate) self_signed: Option<Vec<String>>,
    /// Serve beyond this machine without encryption. For trials only.
    #[arg(long, env = "TALLYMAN_INSECURE_LAN", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) insecure_lan: Option<bool>,
    /// The name of a new company [default: Tallyman].
    #[arg(long, env = "TALLYMAN_COMPANY")]
    pub(crate) company: Option<String>,
    /// Seconds between heartbeats of devices [default: 15].
    #[arg(long, env = "TALLYMAN_HEARTBEAT_S")]
    pub(crate) heartbeat_s: Option<u32>,
    /// Devices that may be connected at the same time [default: 10000].
    #[arg(long, env = "TALLYMAN_CONNECTIONS_MAX")]
    pub(crate) connections_max: Option<usize>,
    /// Devices that are let in each second; the others wait, then come back [default: 500].
    #[arg(long, env = "TALLYMAN_ADMISSIONS_PER_S")]
    pub(crate) admissions_per_s: Option<u32>,
    /// The folder for backups, best on another disk [default: one beside the data folder].
    #[arg(long, env = "TALLYMAN_BACKUP")]
    pub(crate) backup: Option<PathBuf>,
    /// Minutes from one backup to the next [default: 15].
    #[arg(long, env = "TALLYMAN_BACKUP_MINUTES",
          value_parser = clap::value_parser!(u32).range(1..=1440))]
    pub(crate) backup_minutes: Option<u32>,
    /// Make no backups: devices then forget nothing.
    #[arg(long, env = "TALLYMAN_NO_BACKUP", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) no_backup: Option<bool>,
    /// What a scraper of /metrics on another machine shows as its bearer token; left out: scrapers
    /// on this machine only.
    #[arg(long, env = "TALLYMAN_METRICS_KEY", hide_env_values = true)]
    pub(crate) metrics_key: Option<String>,
    /// How the log is written [default: text].
    #[arg(long, env = "TALLYMAN_LOG")]
    pub(crate) log: Option<Form>,
    /// What the log tells [default: info].
    #[arg(long, env = "TALLYMAN_LOG_LEVEL")]
    pub(crate) log_level: Option<Level>,
}

/// Where settings come from.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Sources {
    /// A file of settings in TOML.
    #[arg(long, env = "TALLYMAN_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) given: Settings,
}

/// Settings that were read, with all layers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    settings: Settings,
    /// The names that the file sets.
    in_file: Vec<String>,
    /// The names that flags or the environment set.
    given: Vec<String>,
}

fn table_of(settings: &Settings) -> Result<toml::Table, Problem> {
    Ok(toml::Table::try_from(settings)?)
}

impl Sources {
    /// Reads the file, where there is one, under what was given.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds something that is no setting.
    pub(crate) fn read(&self) -> Result<Read, Problem> {
        let file = match &self.config {
            Some(path) => read_file(path)?,
            None => Settings::default(),
        };
        let mut layers = table_of(&file)?;
        let given = table_of(&self.given)?;
        let in_file = layers.keys().cloned().collect();
        let given_names = given.keys().cloned().collect();
        layers.extend(given);
        let settings = layers.try_into::<Settings>()?;
        Ok(Read { settings, in_file, given: given_names })
    }
}

fn read_file(path: &Path) -> Result<Settings, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        // The parser quotes the line, which may be that of a secret.
        let line = error
            .span()
            .map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        format!("{}, line {line}: {}", path.display(), error.message()).into()
    })
}

impl Read {
    pub(crate) const fn log(&self) -> (Form, Level) {
        let form = match self.settings.log {
            Some(form) => form,
            None => Form::Text,
        };
        let level = match self.settings.log_level {
            Some(level) => level,
            None => Level::Info,
        };
        (form, level)
    }

    /// The set-up of the server.
    ///
    /// # Errors
    ///
    /// Settings that contradict each other, or that would serve the network in plain unasked.
    pub(crate) fn config(&self) -> Result<Config, Problem> {
        let given = &self.settings;
        let data = given.data.clone().unwrap_or_else(|| PathBuf::from("tallyman-data"));
        let mut config = Config::local(&data);
        config.listen = given.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8480)));
        config.public_url.clone_from(&given.public_url);
        config.metrics_key = given.metrics_key.clone().map(Masked::new);
        if let Some(company) = &given.company {
            config.company.clone_from(company);
        }
        config.heartbeat_s = given.heartbeat_s.unwrap_or(config.heartbeat_s);
        config.connections_max = given.connections_max.unwrap_or(config.connections_max);
        config.admissions_per_s = given.admissions_per_s.unwrap_or(config.admissions_per_s);
        config.backup = self.schedule(&data)?;
        config.tls = self.tls(&config)?;
        config.check()?;
        Ok(config)
    }

    /// Backups are made unless somebody says otherwise.
    fn schedule(&self, data: &Path) -> Result<Option<Schedule>, Problem> {
        let given = &self.settings;
        let minutes = given.backup_minutes.unwrap_or(15);
        if given.no_backup == Some(true) {
            return if given.backup.is_some() {
                Err("a folder for backups, and no backups: choose one".into())
            } else {
                Ok(None)
            };
        }
        if !(1..=1440).contains(&minutes) {
            return Err("a backup is made every 1 to 1440 minutes".into());
        }
        let folder = given.backup.clone().unwrap_or_else(|| Schedule::folder_beside(data));
        Ok(Some(Schedule { every_s: minutes * 60, ..Schedule::usual(folder) }))
    }

    fn tls(&self, config: &Config) -> Result<Tls, Problem> {
        let given = &self.settings;
        let names = given.self_signed.clone().unwrap_or_default();
        Ok(match (&given.certificate, &given.key) {
            (Some(certificate), Some(key)) => {
                Tls::Files { certificate: certificate.clone(), key: key.clone() }
            }
            (Some(_), None) | (None, Some(_)) => {
                return Err("a certificate needs its key, and a key its certificate".into());
            }
            (None, None) if !names.is_empty() => Tls::SelfSigned { names },
            (None, None) if given.insecure_lan == Some(true) => Tls::InsecureLan,
            (None, None) if config.listen.ip().is_loopback() => Tls::Off,
            (None, None) => Tls::SelfSigned { names: vec![config.listen.ip().to_string()] },
        })
    }

    /// All settings as a file would hold them, each with where it came from. No secret is shown.
    ///
    /// # Errors
    ///
    /// As [`Read::config`].
    pub(crate) fn print(&self, matches: &ArgMatches) -> Result<String, Problem> {
        let config = self.config()?;
        let mut text = String::new();
        for (name, value) in table_of(&self.effective(&config))? {
            let shown = if SECRETS.contains(&name.as_str()) {
                "\"***\"".to_owned()
            } else {
                value.to_string()
            };
            let line = format!("{name} = {shown}");
            // Writing to memory does not fail.
            let _written = writeln!(text, "{line:<44} # {}", self.origin(&name, matches));
        }
        let _written = writeln!(text, "# TLS: {}", tls_in_words(&config.tls));
        Ok(text)
    }

    /// The settings with the defaults of those that nobody set.
    fn effective(&self, config: &Config) -> Settings {
        let (log, log_level) = self.log();
        Settings {
            data: Some(config.folder.clone()),
            listen: Some(config.listen),
            company: Some(config.company.clone()),
            heartbeat_s: Some(config.heartbeat_s),
            connections_max: Some(config.connections_max),
            admissions_per_s: Some(config.admissions_per_s),
            backup: config.backup.as_ref().map(|schedule| schedule.folder.clone()),
            backup_minutes: config.backup.as_ref().map(|schedule| schedule.every_s.div_euclid(60)),
            log: Some(log),
            log_level: Some(log_level),
            ..self.settings.clone()
        }
    }

    fn origin(&self, name: &str, matches: &ArgMatches) -> &'static str {
        let has = |names: &[String]| names.iter().any(|known| known == name);
        if has(&self.given) {
            match matches.value_source(name) {
                Some(ValueSource::EnvVariable) => "environment",
                _ => "flag",
            }
        } else if has(&self.in_file) {
            "file"
        } else {
            "default"
        }
    }
}

fn tls_in_words(tls: &Tls) -> &'static str {
    match tls {
        Tls::SelfSigned { .. } => "a certificate of the server's own making",
        Tls::Files { .. } => "the certificate of the set-up",
        Tls::Off => "off, on this machine only",
        Tls::InsecureLan => "off: everybody on the network can read and change what is sent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tallyman.toml");
        std::fs::write(&path, text).unwrap();
        (folder, Sources { config: Some(path), given: Settings::default() })
    }

    #[test]
    fn what_is_given_stands_over_the_file_and_the_file_over_the_defaults() {
        let (_folder, mut sources) = file("company = \"Filed\"\nheartbeat_s = 20\n");
        sources.given.company = Some("Given".to_owned());
        let config = sources.read().unwrap().config().unwrap();
        assert_eq!((config.company.as_str(), config.heartbeat_s), ("Given", 20));
        assert_eq!(config.connections_max, 10_000);
        assert_eq!(config.tls, Tls::Off);
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_line_and_without_its_content() {
        let (_folder, sources) = file("company = \"x\"\nmetrics_key = \"hush\nlisten = 1\n");
        let told = sources.read().unwrap_err().to_string();
        assert!(told.contains("line 2") && !told.contains("hush"), "{told}");
        let (_folder, sources) = file("compny = \"x\"\n");
        let told = sources.read().unwrap_err().to_string();
        assert!(told.contains("compny"), "{told}");
    }

    #[test]
    fn half_a_certificate_is_no_certificate() {
        let (_folder, sources) = file("certificate = \"c.pem\"\n");
        assert!(sources.read().unwrap().config().is_err());
    }

    #[test]
    fn beyond_this_machine_a_certificate_is_made_unless_plain_was_asked_for() {
        let (_folder, sources) = file("listen = \"0.0.0.0:8443\"\n");
        let config = sources.read().unwrap().config().unwrap();
        assert_eq!(config.tls, Tls::SelfSigned { names: vec!["0.0.0.0".to_owned()] });
        let (_folder, sources) = file("listen = \"0.0.0.0:8443\"\ninsecure_lan = true\n");
        assert_eq!(sources.read().unwrap().config().unwrap().tls, Tls::InsecureLan);
    }
}
