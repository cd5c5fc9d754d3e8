//! Dimensions: what entries are told apart by beside their accounts, such as a department or a project.
//!
//! A set never changes once it has a number, and entries carry that number; 0 is the empty set
//! (COSTING 2.4). What is proposed for master records and said on documents is kept as it was said.

use std::collections::BTreeMap;
use std::fmt;

use protocol::operation::DocumentKind;
use protocol::words::DocumentNo;
use serde::{Deserialize, Serialize};

/// The longest code of a dimension or of its value, in characters.
const LONGEST: usize = 20;

/// Values by dimension. Where something is said about an entry, an empty value takes away what else
/// would be proposed for that dimension; a set that an entry carries has no empty values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dimensions(pub BTreeMap<String, String>);

impl Dimensions {
    /// Nothing is said.
    pub const NONE: Self = Self(BTreeMap::new());

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `over` says goes before what this says.
    pub fn overlaid(&mut self, over: &Self) {
        for (dimension, value) in &over.0 {
            self.0.insert(dimension.clone(), value.clone());
        }
    }

    /// Whether every dimension has a code, and codes and values are short and can be printed; and
    /// whether the text of the set tells it apart from every other set, as a set is found by it.
    pub fn is_sound(&self) -> bool {
        let fits = |text: &str| {
            text.chars().count() <= LONGEST && !text.chars().any(|c| c.is_control() || c == ';')
        };
        let named = |code: &str| !code.is_empty() && !code.contains('=');
        self.0.iter().all(|(code, value)| named(code) && fits(code) && fits(value))
    }

    /// Without the dimensions that have no value.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.0.retain(|_dimension, value| !value.is_empty());
        self
    }
}

/// `AREA=NORTH; DEPARTMENT=SALES`, in the order of the dimensions.
impl fmt::Display for Dimensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (dimension, value)) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { "; " };
            write!(f, "{between}{dimension}={value}")?;
        }
        Ok(())
    }
}

crate::tables! {
    /// Dimension sets by number.
    DimensionSets = 160, "dimension_set", u32 => Dimensions;
    /// Numbers of dimension sets, by what they say.
    DimensionSetNumbers = 161, "dimension_set_by_text", String => u32;
    /// What is proposed for a master record: its kind, its code.
    DefaultDimensions = 162, "default_dimension", (u8, String) => Dimensions;
    /// What a document says, and its lines; line 0 for the document as a whole.
    DocumentDimensions = 163, "document_dimension", (DocumentKind, DocumentNo, u32) => Dimensions;
}
