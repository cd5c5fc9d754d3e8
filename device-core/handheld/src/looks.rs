//! How the screens look and sound on one machine: kept by its browser, in a cookie without a secret.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

const COOKIE_NAME: &str = "looks";
/// A year, in seconds.
const KEPT_S: u32 = 365 * 24 * 3_600;

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident: $($(#[$of:meta])* $variant:ident = $word:literal,)+;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            pub(crate) enum $name {
                $($(#[$of])* $variant,)+
            }

            impl $name {
                /// All there are, in the order of the page.
                pub(crate) const WORDS: &[&str] = &[$($word),+];

                /// Its word in pages, forms and the cookie.
                pub(crate) const fn word(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)+
                    }
                }

                fn of_word(word: &str) -> Option<Self> {
                    match word {
                        $($word => Some(Self::$variant),)+
                        _ => None,
                    }
                }
            }
        )*
    };
}

choices! {
    /// The colours.
    Theme:
        /// Those that the machine is set to.
        #[default]
        Auto = "auto",
        Light = "light",
        Dark = "dark",;
    /// How a signal sounds and shakes.
    Sounds:
        #[default]
        Normal = "normal",
        /// For a noisy hall: long tones.
        Noisy = "noisy",
        /// No sound, and stronger vibration.
        Night = "night",;
    /// How loud.
    Volume:
        Low = "low",
        #[default]
        Medium = "medium",
        High = "high",;
    /// On which side the primary button is.
    Hand:
        #[default]
        Right = "right",
        Left = "left",;
}

/// How the screens look and sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Looks {
    pub(crate) theme: Theme,
    pub(crate) sounds: Sounds,
    pub(crate) volume: Volume,
    pub(crate) hand: Hand,
}

impl Looks {
    /// What the browser has kept; what it has not, or what is not known any more, is as it is at first.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
        let kept = pairs.find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
        let mut words = kept.unwrap_or_default().split('.');
        let mut next = || words.next().unwrap_or_default();
        Self {
            theme: Theme::of_word(next()).unwrap_or_default(),
            sounds: Sounds::of_word(next()).unwrap_or_default(),
            volume: Volume::of_word(next()).unwrap_or_default(),
            hand: Hand::of_word(next()).unwrap_or_default(),
        }
    }

    /// The same with one of them changed; none where nobody offers that.
    pub(crate) fn with(self, what: &str, word: &str) -> Option<Self> {
        Some(match what {
            "theme" => Self { theme: Theme::of_word(word)?, ..self },
            "sounds" => Self { sounds: Sounds::of_word(word)?, ..self },
            "volume" => Self { volume: Volume::of_word(word)?, ..self },
            "hand" => Self { hand: Hand::of_word(word)?, ..self },
            _ => return None,
        })
    }

    /// The header by which the browser keeps them.
    pub(crate) fn cookie(self) -> String {
        let words = [self.theme.word(), self.sounds.word(), self.volume.word(), self.hand.word()];
        let words = words.join(".");
        format!("{COOKIE_NAME}={words}; Path=/; Max-Age={KEPT_S}; HttpOnly; SameSite=Strict")
    }
}
