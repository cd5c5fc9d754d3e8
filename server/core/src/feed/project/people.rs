//! Sites and the people who may sign in there.

use std::collections::BTreeSet;

use ledger::key::KeyRange;
use ledger::schema::book::Companies;
use ledger::schema::identity::{Operators, Rights};
use ledger::schema::place::Sites;
use ledger::schema::{LocationId, SiteId};
use ledger::tables::Read as _;
use protocol::feed::{OperatorRow, Role, SiteRow};
use protocol::identity::ServerTime;
use protocol::words::OperatorId;
use serde_bytes::ByteBuf;

use super::SiteView;
use crate::schema::SignInTerms;

impl SiteView<'_> {
    pub(super) fn site_row(&self, id: SiteId) -> Option<SiteRow> {
        if id != self.site {
            return None;
        }
        let site = self.tables.row::<Sites>(&id)?;
        let company = self.tables.row::<Companies>(&());
        Some(SiteRow {
            site: site.code.clone(),
            company: company.map(|company| company.name.clone()).unwrap_or_default(),
            never_quantities: site.never_quantities,
            separator: site.separator.clone(),
        })
    }

    /// Only who may work here and has a PIN: nobody else's verifier leaves the server.
    pub(super) fn operator(&self, id: &OperatorId) -> Option<OperatorRow> {
        let operator = self.tables.row::<Operators>(id)?;
        let roles = self.roles_here(id);
        if operator.disabled || operator.pin_verifier.is_empty() || roles.is_empty() {
            return None;
        }
        let until = self.tables.row::<SignInTerms>(&()).map_or(ServerTime(0), |until| *until);
        Some(OperatorRow {
            operator: id.clone(),
            name: operator.name.clone(),
            badge_hash: operator.badge_hash.map(|hash| ByteBuf::from(hash.to_vec())),
            pin_verifier: operator.pin_verifier.clone(),
            roles,
            valid_until: until,
            language: operator.language.clone(),
        })
    }

    /// The roles that have not been ended, here or at all locations.
    fn roles_here(&self, operator: &OperatorId) -> Vec<Role> {
        let rights = self.tables.list::<Rights>(&KeyRange::prefix(&(operator.clone(),)));
        let roles: BTreeSet<Role> = rights
            .into_iter()
            .filter(|((_operator, _role, location, _from), right)| {
                right.until.is_none() && (*location == LocationId(0) || self.is_ours(*location))
            })
            .map(|((_operator, role, _location, _from), _right)| role.0)
            .collect();
        roles.into_iter().collect()
    }
}
