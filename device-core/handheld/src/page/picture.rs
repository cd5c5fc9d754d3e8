//! A photo or a signature for an operation that was recorded; and what only the server can tell.

use device_core::engine::{AskError, DeviceCore, Status};
use maud::{Markup, html};
use protocol::frame::beside::Answer as Told;
use protocol::outcome::Argument;
use protocol::text::{Language, argument_text};
use protocol::words::ItemNo;

use super::frame::{code, link};
use crate::app::{App, Desk};
use crate::words::{plain, with_word};

/// The page on which a photo is made, or a signature drawn, for the operation of this name.
pub(super) fn picture(app: &App, desk: &Desk, name: &str) -> Markup {
    let language = app.language(desk);
    html! {
        h1 { (plain("page-picture", language)) }
        p { (code(name)) }
        form id="photo" method="post" enctype="multipart/form-data"
            action=(format!("/picture/{name}/photo")) data-picture=(name) {
            label for="camera" { (plain("picture-photo", language)) }
            input id="camera" type="file" name="picture" accept="image/*" capture="environment";
        }
        section class="signature" data-picture=(name) {
            label for="pad" { (plain("picture-sign", language)) }
            canvas id="pad" width="600" height="240" {}
            button type="button" id="sign" class="primary" { (plain("button-sign", language)) }
        }
        p id="picture-said" role="status" data-kept=(plain("picture-kept", language))
            data-refused=(plain("picture-refused", language)) {}
        nav class="bar" { (link("/mine", &plain("button-back", language), "secondary back")) }
    }
}

/// How many pictures wait to be sent; nothing when there are none.
pub(super) fn waiting(app: &App, language: Language) -> Markup {
    let n = app.device.read(DeviceCore::n_blobs);
    let n = u64::try_from(n).unwrap_or(u64::MAX);
    html! {
        @if n > 0 {
            p class="muted" id="pictures" {
                (crate::words::with_number("sync-pictures", "n", n, language))
            }
        }
    }
}

/// The address of the page that tells what other sites have of `item`.
pub(super) fn elsewhere_of(item: &ItemNo) -> String {
    use std::fmt::Write as _;
    let mut address = "/elsewhere/".to_owned();
    for byte in item.as_str().bytes() {
        if byte.is_ascii_alphanumeric() {
            address.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

/// What other sites have of an item.
pub(super) fn elsewhere(
    app: &App,
    desk: &Desk,
    (item, answer): (&str, &Result<Told, AskError>),
    _status: &Status,
) -> Markup {
    let language = app.language(desk);
    html! {
        h1 { (with_word("page-elsewhere", "item", item.to_owned(), language)) }
        @match answer {
            Err(AskError::Offline) => p class="remark warning" { (plain("elsewhere-offline", language)) },
            Err(AskError::Late) => p class="remark warning" { (plain("elsewhere-late", language)) },
            Ok(answer) if answer.elsewhere.is_empty() => p { (plain("elsewhere-none", language)) },
            Ok(answer) => {
                ul id="elsewhere" {
                    @for row in &answer.elsewhere {
                        li {
                            (code(row.site.as_str())) " " (code(row.location.as_str())) " "
                            @if let Some(variant) = &row.variant { (code(variant.as_str())) " " }
                            @match row.quantity {
                                Some(quantity) => strong {
                                    (argument_text(&Argument::Quantity(quantity), language))
                                },
                                None => span class="muted" { (plain("elsewhere-hidden", language)) },
                            }
                        }
                    }
                }
                @if answer.is_cut { p class="muted" { (plain("elsewhere-cut", language)) } }
            }
        }
        nav class="bar" { (link("/", &plain("button-back", language), "secondary back")) }
    }
}
