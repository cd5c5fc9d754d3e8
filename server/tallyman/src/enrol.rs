//! `tallyman enrol`: a code for one new device, from the server that runs over a data folder.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use protocol::words::{OperatorId, SiteCode};
use server::api::devices::CodeView;
use server::control::{self, Answer, ControlError, Question};
use server::enrolment;

use crate::Problem;

/// Which device, and how it is shown.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The data folder of the server, which must be running.
    #[arg(long, env = "TALLYMAN_DATA", default_value = "tallyman-data")]
    data: PathBuf,
    /// The site that the device will work in.
    #[arg(long)]
    site: SiteCode,
    /// Who makes the code, for the record. Only what this person may do is done then.
    #[arg(long)]
    user: Option<OperatorId>,
    /// Print the code as one JSON object instead of a QR.
    #[arg(long)]
    json: bool,
}

/// Makes a code and shows it, this once.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let question = Question::Enrol { site: arguments.site.clone(), user: arguments.user.clone() };
    let answer = runtime.block_on(control::ask(&arguments.data, &question));
    let answer = answer.map_err(|error| match error {
        ControlError::NotRunning { .. } => {
            format!("{error}: start `tallyman serve`, then ask again").into()
        }
        other => Problem::from(other),
    })?;
    match answer {
        Answer::Refused(why) => Err(format!("{} {}", why.message, why.next_step).into()),
        Answer::Code(code) if arguments.json => {
            println!("{}", serde_json::to_string(&code)?);
            Ok(())
        }
        Answer::Code(code) => {
            show(&code);
            Ok(())
        }
    }
}

fn show(code: &CodeView) {
    if let Some(qr) = enrolment::qr_text(&code.text) {
        for line in qr.lines() {
            // Dark modules must be dark on a light ground, whatever the colours of the terminal.
            if std::io::stdout().is_terminal() {
                println!("\x1b[30;107m{line}\x1b[0m");
            } else {
                println!("{line}");
            }
        }
        println!();
    }
    println!("Scan this with the new device, or type it:");
    println!("{}", code.text);
    println!();
    println!(
        "The device will look for the server at {}: where that is wrong, set public_url.",
        code.url
    );
    println!("Site {}. For one device; it may be used for ten minutes.", code.site);
    if let Some(pin) = &code.pin {
        println!("The server's certificate: {pin}");
    }
    println!("The device must have its disk encrypted by its platform: Tallyman does not do that.");
}
