//! `tallyman serve`, `config` and `init`.

use std::path::PathBuf;

use clap::ArgMatches;
use server::config::Config;
use server::runtime::Health;
use server::server::Server;

use crate::settings::Sources;
use crate::{Problem, logs, service};

/// How to serve.
#[derive(clap::Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    sources: Sources,
    /// Print the settings and where each comes from, without secrets, and end.
    #[arg(long)]
    print_config: bool,
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

/// Serves until Ctrl-C, or until a fault of the store.
pub(crate) fn serve(arguments: &ServeArguments, matches: &ArgMatches) -> Result<(), Problem> {
    let read = arguments.sources.read()?;
    if arguments.print_config {
        print!("{}", read.print(matches)?);
        return Ok(());
    }
    logs::begin(read.log());
    let config = read.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let running = Server::start(config).await?;
        println!("Listening: {}", running.url());
        if let Some(link) = running.first_link() {
            println!("Nobody administers this company yet. Open this link, it works once: {link}");
        }
        service::notify("READY=1");
        let health = tokio::select! {
            health = running.ended() => Some(health),
            () = asked_to_stop() => None,
        };
        service::notify("STOPPING=1");
        let health = match health {
            Some(health) => health,
            None => running.stop().await,
        };
        match health {
            Health::Failed(why) => Err(why.into()),
            _ => Ok(()),
        }
    });
    // Nobody waits for a backup that is under way: the next one goes on from what it leaves.
    runtime.shutdown_background();
    served
}

/// What to do with the settings.
#[derive(clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings and where each comes from, without secrets.
    Print(Sources),
}

/// Shows the settings.
pub(crate) fn config(command: &ConfigCommand, matches: &ArgMatches) -> Result<(), Problem> {
    let ConfigCommand::Print(sources) = command;
    let matches = matches.subcommand().map_or(matches, |(_name, matches)| matches);
    print!("{}", sources.read()?.print(matches)?);
    Ok(())
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
