//! `tallyman verify`: the store, a backup, or the chains of the audit trail.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use protocol::identity::{Hash16, IntakeNo};
use server::backup::check::check;
use server::config::Config;
use server::store::Store;
use server::verify::chain::{self, Link, Witnessed};
use server::verify::digest::Pace;
use server::verify::rebuild_and_compare;

use crate::Problem;

/// What to verify.
#[derive(clap::Args)]
pub(crate) struct VerifyArguments {
    /// The data folder of the server, which must not be running.
    #[arg(long, default_value = "tallyman-data")]
    data: PathBuf,
    /// The folder of a backup instead: every file is read, every table made again and compared.
    #[arg(long, conflicts_with = "data")]
    backup: Option<PathBuf>,
    /// Walk both chains from their beginning to their head, and print the heads. With --backup, of
    /// what the backup holds.
    #[arg(long)]
    chain: bool,
    /// A head of the intake chain that was written down earlier, as NUMBER:HASH: fails unless the
    /// chain goes through it. May be given several times.
    #[arg(long, requires = "chain")]
    witness: Vec<Witness>,
}

/// A head that somebody wrote down.
#[derive(Debug, Clone, Copy)]
struct Witness(IntakeNo, Hash16);

impl FromStr for Witness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not NUMBER:HASH");
        let (no, hash) = text.split_once(':').ok_or_else(wrong)?;
        let hash = server::secret::from_hex(hash).ok_or_else(wrong)?;
        Ok(Self(IntakeNo(no.parse().map_err(|_number| wrong())?), Hash16(hash)))
    }
}

/// Verifies; says whether everything is as it should be.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<bool, Problem> {
    match &arguments.backup {
        Some(folder) if arguments.chain => {
            let checked = check(folder, &scratch_beside(folder))?;
            print_backup(&checked);
            walk(&Store::open(&folder.join("rows"))?, &arguments.witness)
        }
        Some(folder) => {
            print_backup(&check(folder, &scratch_beside(folder))?);
            Ok(true)
        }
        None => {
            let store = open(&arguments.data)?;
            if arguments.chain {
                return walk(&store, &arguments.witness);
            }
            let scratch = arguments.data.join("verify-scratch");
            let verified = rebuild_and_compare(&store.snapshot(), &scratch, &mut Pace::full())?;
            println!(
                "{} rows are what {} decisions make of them; digest {}",
                verified.digests.n_rows(),
                verified.fold.head.lsn,
                verified.digests.whole()
            );
            Ok(true)
        }
    }
}

/// The store of a data folder; a folder without one is not made here.
fn open(data: &Path) -> Result<Store, Problem> {
    let folder = Config::local(data).store_folder();
    if !folder.exists() {
        return Err(format!("{} holds no company", data.display()).into());
    }
    Ok(Store::open(&folder)?)
}

fn scratch_beside(folder: &Path) -> PathBuf {
    folder.join("verify-scratch")
}

fn print_backup(checked: &server::backup::check::Checked) {
    println!(
        "{} files with {} records lead to operation {} and decision {}; {} rows, compared with {} \
         checkpoints of the live store",
        checked.n_files,
        checked.n_records,
        checked.fold.intake,
        checked.fold.head.lsn,
        checked.n_rows,
        checked.n_checkpoints
    );
}

fn walk(store: &Store, witnesses: &[Witness]) -> Result<bool, Problem> {
    let wanted: Vec<(IntakeNo, Hash16)> = witnesses.iter().map(|w| (w.0, w.1)).collect();
    let snapshot = store.snapshot();
    let chains = chain::walk(&snapshot, &wanted)?;
    snapshot.check()?;
    print_link("intake", chains.intake.as_ref());
    print_link("change", chains.change.as_ref());
    for (witness, found) in witnesses.iter().zip(&chains.witnesses) {
        let said = match found {
            Witnessed::Agrees => "the chain goes through it",
            Witnessed::Differs => "ANOTHER RECORD STANDS THERE: what lies before was changed",
            Witnessed::Beyond => "THE LOG ENDS BEFORE IT: something was cut off",
        };
        println!("witness {}:{} {said}", witness.0, witness.1);
    }
    Ok(chains.witnesses.iter().all(|found| *found == Witnessed::Agrees))
}

fn print_link(name: &str, link: Option<&Link>) {
    match link {
        Some(link) => println!("{name} {}:{} whole from the beginning", link.no, link.hash),
        None => println!("{name} 0 empty"),
    }
}
