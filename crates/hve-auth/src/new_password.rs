//! New passwords: which are taken, and how one is made from random octets.

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// The least characters of a new password: long enough that online guessing is hopeless.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The most characters of a new password: every known client can send so many.
pub const PASSWORD_CHARS_MAX: usize = 128;

/// May this be a new password? Existing ones are never checked again.
///
/// # Errors
/// [`WeakPassword`] with what to change.
pub fn check_new_password(password: &SecretString) -> Result<(), WeakPassword> {
    let password = password.expose_secret();
    if password.chars().any(char::is_control) {
        return Err(WeakPassword::ControlCharacter);
    }
    match password.chars().count() {
        0..PASSWORD_CHARS_MIN => Err(WeakPassword::TooShort),
        PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => Ok(()),
        _ => Err(WeakPassword::TooLong),
    }
}

/// Why a new password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// A tab, a line end, a NUL: many clients can not send them.
    #[error("the password has a control character, such as a tab or a line end; leave it out")]
    ControlCharacter,
    /// Over [`PASSWORD_CHARS_MAX`].
    #[error("the password is longer than {PASSWORD_CHARS_MAX} characters; shorten it")]
    TooLong,
    /// Under [`PASSWORD_CHARS_MIN`].
    #[error("the password is shorter than {PASSWORD_CHARS_MIN} characters; lengthen it")]
    TooShort,
}

/// Makes a password of 140 random bits: four groups of seven characters, 31 in all, so that it
/// can be read aloud and fits into devices that take 32. No `l`, `o`, `0` or `1`, no upper case.
///
/// `random` must come from the system's generator.
#[must_use]
pub fn generate_password(random: [u8; 32]) -> SecretString {
    // Made at its full size: growing would leave copies behind.
    let mut password = String::with_capacity(31);
    for (index, octet) in random.iter().take(28).enumerate() {
        if index > 0 && index % 7 == 0 {
            password.push('-');
        }
        password.push(symbol(octet & 31));
    }
    SecretString::from(password)
}

/// One of 32 characters, so that five bits choose without bias.
fn symbol(index: u8) -> char {
    let symbol = match index {
        0..11 => b'a' + index,       // a to k
        11..13 => b'm' + index - 11, // m, n
        13..24 => b'p' + index - 13, // p to z
        _ => b'2' + index.saturating_sub(24).min(7),
    };
    char::from(symbol)
}
