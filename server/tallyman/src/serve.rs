//! `tallyman serve` and `init`.

use std::net::SocketAddr;
use std::path::PathBuf;

use server::backup::Schedule;
use server::config::{Config, Tls};
use server::runtime::Health;
use server::server::Server;

use crate::Problem;

/// How to serve.
#[derive(clap::Args)]
pub(crate) struct ServeArguments {
    /// The data folder.
    #[arg(long, env = "TALLYMAN_DATA", default_value = "tallyman-data")]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, env = "TALLYMAN_LISTEN", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// The address that devices and browsers use, when it is another.
    #[arg(long, env = "TALLYMAN_PUBLIC_URL")]
    public_url: Option<String>,
    /// A certificate chain in PEM; needs the key too.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of the certificate in PEM.
    #[arg(long, requires = "certificate")]
    key: Option<PathBuf>,
    /// Make and keep a certificate for these names.
    #[arg(long, value_delimiter = ',')]
    self_signed: Vec<String>,
    /// Serve beyond this machine without encryption. For trials only.
    #[arg(long)]
    insecure_lan: bool,
    /// The name of a new company.
    #[arg(long, default_value = "Tallyman")]
    company: String,
    /// The folder for backups, best on another disk. Else one beside the data folder.
    #[arg(long, env = "TALLYMAN_BACKUP", conflicts_with = "no_backup")]
    backup: Option<PathBuf>,
    /// Minutes from one backup to the next.
    #[arg(long, env = "TALLYMAN_BACKUP_MINUTES", default_value_t = 15,
          value_parser = clap::value_parser!(u32).range(1..=1440))]
    backup_minutes: u32,
    /// Make no backups: devices then forget nothing.
    #[arg(long)]
    no_backup: bool,
}

/// How to begin a company.
#[derive(clap::Args)]
pub(crate) struct InitArguments {
    /// The data folder, new or empty.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// The name of the company.
    #[arg(long)]
    company: String,
}

impl ServeArguments {
    fn config(&self) -> Config {
        let mut config = Config::local(&self.data);
        config.listen = self.listen;
        config.public_url.clone_from(&self.public_url);
        config.company.clone_from(&self.company);
        let folder = self.backup.clone().unwrap_or_else(|| Schedule::folder_beside(&self.data));
        let schedule = Schedule { every_s: self.backup_minutes * 60, ..Schedule::usual(folder) };
        config.backup = (!self.no_backup).then_some(schedule);
        config.tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                Tls::Files { certificate: certificate.clone(), key: key.clone() }
            }
            _ if !self.self_signed.is_empty() => {
                Tls::SelfSigned { names: self.self_signed.clone() }
            }
            _ if self.insecure_lan => Tls::InsecureLan,
            _ if self.listen.ip().is_loopback() => Tls::Off,
            _ => Tls::SelfSigned { names: vec![self.listen.ip().to_string()] },
        };
        config
    }
}

/// Serves until Ctrl-C, or until a fault of the store.
pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let running = Server::start(arguments.config()).await?;
        println!("Listening: {}", running.url());
        if let Some(link) = running.first_link() {
            println!("Nobody administers this company yet. Open this link, it works once: {link}");
        }
        let health = tokio::select! {
            health = running.ended() => Some(health),
            () = asked_to_stop() => None,
        };
        let health = match health {
            Some(health) => health,
            None => running.stop().await,
        };
        match health {
            Health::Failed(why) => Err(why.into()),
            _ => Ok(()),
        }
    })
}

/// Waits until a person or the system wants this process to end.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ended = terminate.recv() => {}
                _interrupted = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Where signals cannot be heard, the process runs until it is ended from outside.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Begins a company and ends.
pub(crate) fn init(arguments: &InitArguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut config = Config::local(&arguments.data);
        config.company.clone_from(&arguments.company);
        if config.store_folder().exists() {
            let data = arguments.data.display();
            return Err(format!("{data} holds a company already: name a new folder").into());
        }
        let opened = server::open::open(&config).await?;
        opened.runtime.stop().await;
        let data = arguments.data.display();
        println!("The company {} begins in {data}", arguments.company);
        println!(
            "Next: `tallyman import --data {data} FILES` brings in CSV files, if you have any;"
        );
        println!("`tallyman serve --data {data}` serves, and shows the link by which the first");
        println!("administrator is named.");
        Ok(())
    })
}
