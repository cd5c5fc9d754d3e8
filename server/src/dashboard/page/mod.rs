//! The pages, each a function of tables, context and filters. No page writes; what a page shows is
//! one cut of the store.

mod alarms;
pub mod backup;
pub mod bins;
pub mod counts;
pub mod devices;
pub mod documents;
pub mod enrolment;
pub mod entries;
mod forks;
pub mod incomplete;
pub mod items;
pub mod money;
pub mod now;
pub mod on_the_way;
pub mod operation;
pub mod register;
pub mod search;
pub mod sign_in;
pub mod stock;
pub mod stock_detail;
pub mod tasks;
pub mod workbench;
pub mod would_post;

use maud::Markup;
use protocol::code::Code;
use protocol::outcome::Reason;

/// A part of a page that is shown anew when what it shows has changed.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// Its name, unique on the page; the element has the id `f-{name}`.
    pub name: &'static str,
    /// Its content. Elements with an id keep their place, focus and scroll.
    pub markup: Markup,
}

/// A page: a title and its fragments, in order.
#[derive(Debug, Clone)]
pub struct Page {
    /// The title, which is also the one heading of the first level.
    pub title: String,
    /// The rail entry that it belongs to.
    pub section: Section,
    /// What it shows.
    pub fragments: Vec<Fragment>,
    /// Never shown anew while it is open (a form with nothing live about it).
    pub still: bool,
}

impl Page {
    /// A page without fragments yet.
    pub const fn new(section: Section, title: String) -> Self {
        Self { title, section, fragments: Vec::new(), still: false }
    }

    /// The same page with one more fragment.
    #[must_use]
    pub fn with(mut self, name: &'static str, markup: Markup) -> Self {
        self.fragments.push(Fragment { name, markup });
        self
    }

    /// The same page, never shown anew while it is open.
    #[must_use]
    pub fn still(self) -> Self {
        Self { still: true, ..self }
    }
}

/// What the rail has an entry for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What needs attention now.
    Now,
    /// Devices and enrolment.
    Devices,
    /// Stock by item and by bin.
    Stock,
    /// The register of operations.
    Movements,
    /// Cases.
    Workbench,
    /// Tasks.
    Tasks,
    /// Counts.
    Counts,
    /// Items, bins, documents.
    Items,
    /// What stock is worth, and the accounts.
    Money,
    /// None of them.
    Nothing,
}

impl Section {
    /// The entries of the rail, in order.
    pub const RAIL: [Self; 9] = [
        Self::Now,
        Self::Devices,
        Self::Stock,
        Self::Movements,
        Self::Workbench,
        Self::Tasks,
        Self::Counts,
        Self::Items,
        Self::Money,
    ];

    /// Its address.
    pub const fn address(self) -> &'static str {
        match self {
            Self::Now | Self::Nothing => "/now",
            Self::Devices => "/devices",
            Self::Stock => "/stock",
            Self::Movements => "/movements",
            Self::Workbench => "/workbench",
            Self::Tasks => "/tasks",
            Self::Counts => "/counts",
            Self::Items => "/items",
            Self::Money => "/money/valuation",
        }
    }

    /// The key of its word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Now | Self::Nothing => "nav-now",
            Self::Devices => "nav-devices",
            Self::Stock => "nav-stock",
            Self::Movements => "nav-movements",
            Self::Workbench => "nav-workbench",
            Self::Tasks => "nav-tasks",
            Self::Counts => "nav-counts",
            Self::Items => "nav-items",
            Self::Money => "nav-money",
        }
    }

    /// The letter after G that leads to it.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Now | Self::Nothing => "N",
            Self::Devices => "D",
            Self::Stock => "S",
            Self::Movements => "M",
            Self::Workbench => "W",
            Self::Tasks => "T",
            Self::Counts => "K",
            Self::Items => "I",
            Self::Money => "V",
        }
    }
}

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(pub Reason);

impl Missing {
    /// `what` does not exist.
    pub fn nothing(what: &str) -> Self {
        Self(Reason::new(Code::NotFound).word("what", what))
    }
}

/// A page, or why there is none.
pub type PageResult = Result<Page, Missing>;
