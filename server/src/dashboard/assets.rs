//! The files that pages load: in the binary, named by their content, so that they may be kept for
//! ever.

use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// A file.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its name.
    pub name: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file.
pub const ASSETS: [Asset; 7] = [
    Asset {
        name: "dashboard.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("assets/dashboard.css"),
    },
    Asset {
        name: "icon.svg",
        media_type: "image/svg+xml",
        content: include_str!("assets/icon.svg"),
    },
    Asset { name: "main.js", media_type: SCRIPT, content: include_str!("assets/main.js") },
    Asset { name: "live.js", media_type: SCRIPT, content: include_str!("assets/live.js") },
    Asset { name: "morph.js", media_type: SCRIPT, content: include_str!("assets/morph.js") },
    Asset { name: "keys.js", media_type: SCRIPT, content: include_str!("assets/keys.js") },
    Asset { name: "forms.js", media_type: SCRIPT, content: include_str!("assets/forms.js") },
];

/// The version of the files: a part of their address that changes with their content.
pub fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut hasher = Sha256::new();
        for asset in &ASSETS {
            hasher.update(asset.content.as_bytes());
        }
        let digest = hasher.finalize();
        data_encoding::HEXLOWER.encode(&digest[..6])
    })
}

/// The address of the file of this name. Modules name each other beside themselves.
pub fn address(name: &str) -> String {
    format!("/assets/{}/{name}", version())
}

/// The file of this name.
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}
