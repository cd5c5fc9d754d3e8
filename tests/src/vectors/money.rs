//! What both schemas of costing ask of a company: its setup, its items, its settings, and the work
//! that the system does by itself.

use std::collections::BTreeMap;

use ledger::command::costing::{PutItemCost, PutStockkeepingUnit, PutUserSetup, SetInventorySetup};
use ledger::command::{Batch, Command, SetCompany, master, places};
use ledger::costing::work::{self, WorkOff};
use ledger::money::{Money, Step, UnitAmount};
use ledger::schema::book::Companies;
use ledger::schema::item::{CostingMethod, ItemType, NegativeInventory};
use ledger::schema::money::{
    AdjustmentWindow, AveragePeriod, AverageType, InventorySetup, InventorySetups, UserSetups,
};
use ledger::tables::Read as _;
use protocol::feed::TrackingRule;
use protocol::quantity::{Quantity, UnitFactor};
use rust_decimal::Decimal;
use serde_json::Value;

use super::company::{Company, Done, Stop, USER, code, lacking, word};
use super::json::Dec;
use super::settings::{self, AutomaticAdjustment, AverageCalculation, Costing, Settings};

/// The site of every location.
const SITE: &str = "SITE";
/// Most slices of queued work after one step: more is a loop.
const SLICES_MAX: usize = 10_000;

/// An item card, as either schema gives it.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of the schemas")]
pub struct Card {
    pub no: String,
    pub base_unit: String,
    pub costing: Option<Costing>,
    pub unit_cost: Option<Dec>,
    pub standard_cost: Option<Dec>,
    pub last_direct_cost: Option<Dec>,
    pub overhead_rate: Option<Dec>,
    pub indirect_cost_pct: Option<Dec>,
    pub posting_group: String,
    pub precision: Option<Dec>,
    pub negative: Option<bool>,
    pub variant_required: bool,
    pub blocked: bool,
    /// Its tracking code: a set of rules under this name.
    pub tracking: Option<String>,
}

/// A quantity of a file.
///
/// # Errors
///
/// It cannot be booked.
pub fn quantity(dec: Dec) -> Done<Quantity> {
    Quantity::new(dec.0).map_err(|_beyond| out_of_range())
}

/// An amount of a file.
///
/// # Errors
///
/// It cannot be booked.
pub fn money(dec: Dec) -> Done<Money> {
    Money::new(dec.0).map_err(|_beyond| out_of_range())
}

/// An amount per unit of a file.
///
/// # Errors
///
/// It cannot be booked.
pub fn unit_amount(dec: Dec) -> Done<UnitAmount> {
    UnitAmount::new(dec.0).map_err(|_beyond| out_of_range())
}

/// A number beyond what enters the system is refused where it enters.
fn out_of_range() -> Stop {
    Stop::Refused(protocol::code::Code::NumberOutOfRange.into())
}

/// The code of a location; none for the blank one.
///
/// # Errors
///
/// It is no code.
pub fn location(text: Option<&str>) -> Done<Option<protocol::words::LocationCode>> {
    optional(text)
}

/// A code that may be blank.
///
/// # Errors
///
/// It is no code.
pub fn optional<T: TryFrom<String>>(text: Option<&str>) -> Done<Option<T>> {
    text.filter(|text| !text.is_empty()).map(code).transpose()
}

/// The method by which an item is valued.
pub const fn method(costing: Costing) -> CostingMethod {
    match costing {
        Costing::Fifo => CostingMethod::Fifo,
        Costing::Lifo => CostingMethod::Lifo,
        Costing::Average => CostingMethod::Average,
        Costing::Specific => CostingMethod::Specific,
        Costing::Standard => CostingMethod::Standard,
    }
}

/// The company before its first item: its site, whether stock may go below zero.
pub fn found(company: &mut Company) {
    allow_negative(company, true);
    company.system(Command::PutSite(places::PutSite {
        site: word(SITE),
        never_quantities: false,
        separator: None,
    }));
}

fn set_company(allowed: bool) -> Command {
    Command::SetCompany(SetCompany {
        name: "Vectors".to_owned(),
        negative_inventory_allowed: allowed,
        absent_after_hours: 12,
    })
}

fn allow_negative(company: &mut Company, allowed: bool) {
    company.system(set_company(allowed));
}

/// A location without bins.
///
/// # Errors
///
/// Its code is none.
pub fn plain_location(company: &mut Company, name: &str, in_transit: bool) -> Done {
    if name.is_empty() {
        // The blank location is there without being made.
        return Ok(());
    }
    company.system(Command::PutLocation(places::PutLocation {
        location: code(name)?,
        name: name.to_owned(),
        site: word(SITE),
        time_zone: word("Etc/UTC"),
        bin_mandatory: false,
        directed: false,
        in_transit,
        receipt_bin: None,
        shipment_bin: None,
    }));
    Ok(())
}

/// Rules under which a number is part of the application key.
pub fn tracking_code(company: &mut Company, name: &str, rule: TrackingRule, specific: [bool; 2]) {
    company.system(Command::PutTrackingCode(master::PutTrackingCode {
        code: word(name),
        rule,
        lot_specific: specific[0],
        serial_specific: specific[1],
        package_specific: false,
        strict_expiration: false,
    }));
}

/// The commands that make or change an item card.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub fn card_commands(card: &Card) -> Done<Vec<Command>> {
    let negative = match card.negative {
        None => NegativeInventory::Default,
        Some(true) => NegativeInventory::Allowed,
        Some(false) => NegativeInventory::Prevented,
    };
    let put = Command::PutItem(master::PutItem {
        item: code(&card.no)?,
        description: card.no.clone(),
        item_type: ItemType::Inventory,
        base_unit: code(&card.base_unit)?,
        precision: card.precision.map(quantity).transpose()?,
        costing_method: card.costing.map_or(CostingMethod::Fifo, method),
        tracking_code: card.tracking.as_deref().map(code).transpose()?,
        variant_required: card.variant_required,
        blocked: card.blocked,
        negative_inventory: negative,
        count_tolerance: Quantity::ZERO,
        second_count_from: None,
        supervisor_from: None,
        shelf_life_days: None,
        over_receipt_percent: Quantity::ZERO,
        category: String::new(),
    });
    let cost = Command::PutItemCost(PutItemCost {
        item: code(&card.no)?,
        unit_cost: card.unit_cost.map(unit_amount).transpose()?,
        standard_cost: card.standard_cost.map(unit_amount).transpose()?,
        last_direct_cost: card.last_direct_cost.map(unit_amount).transpose()?,
        indirect_cost_percent: card.indirect_cost_pct.map(quantity).transpose()?,
        overhead_rate: card.overhead_rate.map(unit_amount).transpose()?,
        inventory_group: Some(card.posting_group.clone()),
        product_group: Some(card.posting_group.clone()),
        net_weight: None,
        unit_volume: None,
        excluded_from_adjustment: None,
    });
    Ok(vec![put, cost])
}

/// Makes an item.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub fn item(company: &mut Company, card: &Card) -> Done {
    for command in card_commands(card)? {
        company.system(command);
    }
    Ok(())
}

/// A further unit of an item.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub fn unit(company: &mut Company, no: &str, unit: &str, factor: Dec) -> Done {
    let factor = UnitFactor::try_from(quantity(factor)?).map_err(|_bad| out_of_range())?;
    company.system(Command::PutItemUnit(master::PutItemUnit {
        item: code(no)?,
        unit: code(unit)?,
        factor,
    }));
    Ok(())
}

/// A variant of an item.
///
/// # Errors
///
/// Its code is none.
pub fn variant(company: &mut Company, no: &str, variant: &str) -> Done {
    company.system(Command::PutVariant(master::PutVariant {
        item: code(no)?,
        variant: code(variant)?,
        description: variant.to_owned(),
        blocked: false,
    }));
    Ok(())
}

/// A stockkeeping unit of an item.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub fn stockkeeping_unit(
    company: &mut Company,
    no: &str,
    (place, variant): (&str, &str),
    (unit_cost, standard_cost): (Option<Dec>, Option<Dec>),
) -> Done {
    company.system(Command::PutStockkeepingUnit(PutStockkeepingUnit {
        item: code(no)?,
        location: location(Some(place))?,
        variant: optional(Some(variant))?,
        unit_cost: unit_cost.map(unit_amount).transpose()?,
        standard_cost: standard_cost.map(unit_amount).transpose()?,
    }));
    Ok(())
}

/// Brings `settings` about, together or not at all: as the user asks, but for what no user may have, which the
/// system does: a setup without its checks, inventory periods as data.
///
/// # Errors
///
/// The refusal; a setting that cannot be kept.
pub fn change_settings(company: &mut Company, settings: &Settings, unchecked: bool) -> Done {
    let commands = setting_commands(company, settings, unchecked)?;
    if commands.is_empty() {
        return Ok(());
    }
    if unchecked || settings.inventory_periods.is_some() {
        company.by_system(&Command::Batch(Batch { commands }))?;
    } else {
        company.ask_all(commands)?;
    }
    Ok(())
}

/// The commands that bring about `settings`; what they leave out stays as it is.
///
/// # Errors
///
/// A figure that cannot be kept, a setting that the ledger has no place for.
fn setting_commands(
    company: &mut Company,
    settings: &Settings,
    unchecked: bool,
) -> Done<Vec<Command>> {
    if let Some(date) = settings.work_date {
        company.work_date = date;
    }
    let mut commands = Vec::new();
    let before = company.tables.row::<InventorySetups>(&()).unwrap_or_default();
    let setup = changed(&before, settings)?;
    if setup != *before {
        commands.push(Command::SetInventorySetup(SetInventorySetup { setup, unchecked }));
    }
    if settings.user_allow_posting_from.is_some() || settings.user_allow_posting_to.is_some() {
        let own = company.tables.row::<UserSetups>(&word(USER)).map(|row| *row).unwrap_or_default();
        commands.push(Command::PutUserSetup(PutUserSetup {
            user: word(USER),
            allow_posting_from: settings.user_allow_posting_from.unwrap_or(own.allow_posting_from),
            allow_posting_to: settings.user_allow_posting_to.unwrap_or(own.allow_posting_to),
        }));
    }
    if let Some(prevent) = settings.prevent_negative_inventory {
        commands.push(set_company(!prevent));
    }
    for period in settings.inventory_periods.iter().flatten() {
        commands.push(super::ledgers::period_command(*period));
    }
    Ok(commands)
}

fn changed(before: &InventorySetup, settings: &Settings) -> Done<InventorySetup> {
    let step = |dec: Option<Dec>, before: Step| -> Done<Step> {
        dec.map_or(Ok(before), |dec| {
            Step::try_from(money(dec)?).or_else(|_bad| lacking("an amount rounding of zero"))
        })
    };
    let mut setup = before.clone();
    setup.amount_rounding = step(settings.amount_rounding, setup.amount_rounding)?;
    setup.unit_amount_rounding = step(settings.unit_amount_rounding, setup.unit_amount_rounding)?;
    let set = |to: &mut bool, from: Option<bool>| *to = from.unwrap_or(*to);
    set(&mut setup.automatic_cost_posting, settings.automatic_cost_posting);
    set(&mut setup.expected_cost_posting, settings.expected_cost_posting_to_gl);
    set(&mut setup.location_mandatory, settings.location_mandatory);
    set(&mut setup.non_deductible_vat_in_cost, settings.nondeductible_vat_use_for_item_cost);
    if let Some(window) = settings.automatic_cost_adjustment {
        setup.automatic_adjustment = adjustment_window(window);
    }
    if let Some(period) = settings.average_cost_period {
        setup.average_period = average_period(period);
    }
    if let Some(kind) = settings.average_cost_calc_type {
        setup.average_type = match kind {
            AverageCalculation::Item => AverageType::Item,
            AverageCalculation::ItemLocationVariant => AverageType::ItemLocationVariant,
        };
    }
    if let Some(percent) = settings.vat_pct {
        setup.vat_percent = quantity(percent)?;
    }
    if let Some(percent) = settings.nondeductible_vat_pct {
        setup.non_deductible_vat_percent = quantity(percent)?;
    }
    setup.allow_posting_from = settings.gl_allow_posting_from.unwrap_or(setup.allow_posting_from);
    setup.allow_posting_to = settings.gl_allow_posting_to.unwrap_or(setup.allow_posting_to);
    setup.earliest_valuation_date =
        settings.earliest_allowed_valuation_date.unwrap_or(setup.earliest_valuation_date);
    setup.work_date = settings.work_date.or(setup.work_date);
    Ok(setup)
}

const fn adjustment_window(window: AutomaticAdjustment) -> AdjustmentWindow {
    match window {
        AutomaticAdjustment::Never => AdjustmentWindow::Never,
        AutomaticAdjustment::Day => AdjustmentWindow::Day,
        AutomaticAdjustment::Week => AdjustmentWindow::Week,
        AutomaticAdjustment::Month => AdjustmentWindow::Month,
        AutomaticAdjustment::Quarter => AdjustmentWindow::Quarter,
        AutomaticAdjustment::Year => AdjustmentWindow::Year,
        AutomaticAdjustment::Always => AdjustmentWindow::Always,
    }
}

const fn average_period(period: settings::AveragePeriod) -> AveragePeriod {
    match period {
        settings::AveragePeriod::Day => AveragePeriod::Day,
        settings::AveragePeriod::Week => AveragePeriod::Week,
        settings::AveragePeriod::Month => AveragePeriod::Month,
        settings::AveragePeriod::Quarter => AveragePeriod::Quarter,
        settings::AveragePeriod::Year => AveragePeriod::Year,
        settings::AveragePeriod::AccountingPeriod => AveragePeriod::AccountingPeriod,
    }
}

/// Sets up what a file says that there is: nothing of it is checked as a user's change is.
///
/// # Errors
///
/// A setting that cannot be kept.
pub fn set_up(company: &mut Company, settings: &Settings) -> Done {
    for command in setting_commands(company, settings, true)? {
        company.system(command);
    }
    Ok(())
}

/// Ten to the minus `decimals`: the smallest amount of a currency.
pub fn smallest(decimals: u64) -> Dec {
    Dec(Decimal::new(1, u32::try_from(decimals).unwrap_or(28)))
}

/// How many decimals an amount of the company has.
pub fn decimals(company: &Company) -> u32 {
    let setup = company.tables.row::<InventorySetups>(&()).unwrap_or_default();
    setup.amount_rounding.money().decimal().normalize().scale()
}

/// Works off what the last step queued, slice by slice; tells whether there was anything.
///
/// # Errors
///
/// It does not end.
pub fn settle(company: &mut Company) -> Done<bool> {
    let waited = work::is_waiting(&company.tables);
    for _slice in 0..SLICES_MAX {
        if !work::is_waiting(&company.tables) {
            return Ok(waited);
        }
        company.by_system(&Command::WorkOff(WorkOff::default()))?;
    }
    lacking("an end of the adjustment that is queued")
}

/// The settings of a company by name, as a file would write them.
pub fn settings_of(company: &Company) -> BTreeMap<String, Value> {
    let setup = company.tables.row::<InventorySetups>(&()).unwrap_or_default();
    let own = company.tables.row::<UserSetups>(&word(USER)).map(|row| *row).unwrap_or_default();
    let date =
        |date: Option<chrono::NaiveDate>| date.map_or(Value::Null, |date| date.to_string().into());
    let allowed = company
        .tables
        .row::<Companies>(&())
        .is_some_and(|company| company.negative_inventory_allowed);
    [
        ("average_cost_period", named(&setup.average_period)),
        ("average_cost_calc_type", named(&setup.average_type)),
        ("automatic_cost_adjustment", named(&setup.automatic_adjustment)),
        ("automatic_cost_posting", setup.automatic_cost_posting.into()),
        ("expected_cost_posting_to_gl", setup.expected_cost_posting.into()),
        ("amount_rounding", setup.amount_rounding.money().to_string().into()),
        ("unit_amount_rounding", setup.unit_amount_rounding.money().to_string().into()),
        ("prevent_negative_inventory", (!allowed).into()),
        ("location_mandatory", setup.location_mandatory.into()),
        ("earliest_allowed_valuation_date", date(setup.earliest_valuation_date)),
        ("gl_allow_posting_from", date(setup.allow_posting_from)),
        ("gl_allow_posting_to", date(setup.allow_posting_to)),
        ("user_allow_posting_from", date(own.allow_posting_from)),
        ("user_allow_posting_to", date(own.allow_posting_to)),
        ("work_date", date(setup.work_date)),
        ("nondeductible_vat_use_for_item_cost", setup.non_deductible_vat_in_cost.into()),
        ("vat_pct", setup.vat_percent.to_string().into()),
        ("nondeductible_vat_pct", setup.non_deductible_vat_percent.to_string().into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The name of a setting's value: both sides write it in the same words.
fn named(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
