//! The company that a file of the costing schema begins with: what its setup lists, and what its steps
//! name beside that. The schema has no list of variants, and its list of locations is optional.

use std::collections::{BTreeMap, BTreeSet};

use protocol::feed::TrackingRule;

use super::{Action, Resource, Setup, Step, WorkCenter};
use crate::vectors::company::{Company, Done};
use crate::vectors::json::day;
use crate::vectors::money::{self, Card};
use crate::vectors::settings::Costing;
use crate::vectors::{ledgers, orders};

/// The unit of every item of this schema.
const UNIT: &str = "PCS";
/// The tracking code of items that are valued by the number they carry.
const BY_LOT: &str = "BYLOT";
/// The posting group of every item of this schema.
const GOODS: &str = "GOODS";

/// Makes the company.
///
/// # Errors
///
/// A code or a figure that cannot be kept.
pub(crate) fn found(setup: &Setup, steps: &[Step]) -> Done<Company> {
    let mut company = Company::new(setup.settings.work_date.unwrap_or(day(2020, 1, 1)));
    money::found(&mut company);
    let mut settings = setup.settings.clone();
    settings.amount_rounding =
        settings.amount_rounding.or(Some(money::smallest(setup.currency_decimals.0)));
    money::set_up(&mut company, &settings)?;
    let locations = locations(setup, steps);
    for name in &locations {
        money::plain_location(&mut company, name, false)?;
    }
    let rule = TrackingRule { lot: true, ..TrackingRule::default() };
    money::tracking_code(&mut company, BY_LOT, rule, [true, false]);
    for card in cards(setup).values() {
        money::item(&mut company, card)?;
    }
    for (item, variant) in variants(steps) {
        money::variant(&mut company, &item, &variant)?;
    }
    let locations: Vec<String> = locations.into_iter().collect();
    ledgers::set_up(&mut company, &locations, &[GOODS.to_owned()])?;
    let (centers, resources) = capacity(setup, steps);
    orders::set_up(&mut company, &centers, &resources)?;
    Ok(company)
}

/// The cards of a file, by item.
pub(crate) fn cards(setup: &Setup) -> BTreeMap<String, Card> {
    let card = |item: &super::Item| Card {
        no: item.item.clone(),
        base_unit: UNIT.to_owned(),
        costing: Some(item.costing_method),
        unit_cost: item.unit_cost,
        standard_cost: item.standard_cost,
        overhead_rate: item.overhead_rate,
        indirect_cost_pct: item.indirect_cost_pct,
        posting_group: GOODS.to_owned(),
        tracking: (item.costing_method == Costing::Specific).then(|| BY_LOT.to_owned()),
        ..Card::default()
    };
    setup.items.iter().map(|item| (item.item.clone(), card(item))).collect()
}

fn locations(setup: &Setup, steps: &[Step]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = setup.locations.iter().cloned().collect();
    for step in steps {
        if let Action::Post(post) = &step.action {
            names.extend(post.location.iter().chain(&post.new_location).cloned());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn variants(steps: &[Step]) -> BTreeSet<(String, String)> {
    let named = steps.iter().filter_map(|step| match &step.action {
        Action::Post(post) => Some((post.item.clone(), post.variant.clone()?)),
        _ => None,
    });
    named.filter(|(_item, variant)| !variant.is_empty()).collect()
}

/// Work centers and resources; one that steps name and the setup does not list costs nothing by itself.
fn capacity(setup: &Setup, steps: &[Step]) -> (Vec<WorkCenter>, Vec<Resource>) {
    let (mut centers, mut resources) = (setup.work_centers.clone(), setup.resources.clone());
    let mut center = |name: &String| {
        if !centers.iter().any(|row| row.work_center == *name) {
            centers.push(WorkCenter { work_center: name.clone(), ..WorkCenter::default() });
        }
    };
    for step in steps {
        match &step.action {
            Action::PostCapacity(post) => center(&post.work_center),
            Action::PostSubcontract(post) => center(&post.work_center),
            Action::PostAssembly(post) => {
                for row in &post.resources {
                    if !resources.iter().any(|known| known.resource == row.resource) {
                        let resource = row.resource.clone();
                        resources.push(Resource { resource, ..Resource::default() });
                    }
                }
            }
            _ => {}
        }
    }
    (centers, resources)
}
