//! The folders of a Maildir tree: their names, and opening them step by step.
//!
//! Every step opens one name inside a folder that is already open, and follows no symbolic link,
//! so that neither an address nor a link planted in the tree leads out of its root.

use std::{
    collections::HashSet,
    fmt::Write as _,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    rc::Rc,
};

use hve_types::Address;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

/// Only the service's own user may enter.
const FOLDER_MODE: Mode = Mode::RWXU;

/// One open mailbox.
pub(crate) struct Mailbox {
    pub(crate) tmp: OwnedFd,
    pub(crate) new: OwnedFd,
    pub(crate) cur: OwnedFd,
}

/// Folders whose entries must be made durable before a copy in them counts.
pub(crate) type Unsynced = Vec<Rc<OwnedFd>>;

/// The root, made where it is missing.
pub(crate) fn open_root(root: &Path, unsynced: &mut Unsynced) -> Result<Rc<OwnedFd>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::open(root, flags, Mode::empty()) {
        Ok(folder) => return Ok(Rc::new(folder)),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    if let Some(parent) = root
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        let parent = open_root(parent, unsynced)?;
        make(&parent, root.file_name().ok_or(Errno::INVAL)?)?;
        unsynced.push(parent);
    } else {
        let here = open_root(Path::new("."), unsynced)?;
        make(&here, root.as_os_str())?;
        unsynced.push(here);
    }
    rustix::fs::open(root, flags, Mode::empty()).map(Rc::new)
}

/// The mailbox of one recipient, made where it is missing.
///
/// `durable` holds the mailboxes whose folders this process has seen synced: another's folders
/// may exist and yet not survive a power cut, so they are synced once.
pub(crate) fn open_mailbox(
    root: &Rc<OwnedFd>,
    recipient: &Address,
    durable: &HashSet<String>,
    unsynced: &mut Unsynced,
) -> Result<Mailbox, Errno> {
    let key = recipient.key();
    let (local, domain) = key.rsplit_once('@').ok_or(Errno::INVAL)?;
    let (domain_folder, domain_is_new) = enter(root, &escape(domain))?;
    let domain_folder = Rc::new(domain_folder);
    let (account_folder, account_is_new) = enter(&domain_folder, &escape(local))?;
    let account_folder = Rc::new(account_folder);
    let (tmp, tmp_is_new) = enter(&account_folder, "tmp")?;
    let (new, new_is_new) = enter(&account_folder, "new")?;
    let (cur, cur_is_new) = enter(&account_folder, "cur")?;
    let unknown = !durable.contains(&key);
    if unknown || domain_is_new {
        unsynced.push(Rc::clone(root));
    }
    if unknown || account_is_new {
        unsynced.push(domain_folder);
    }
    if unknown || tmp_is_new || new_is_new || cur_is_new {
        unsynced.push(account_folder);
    }
    Ok(Mailbox { tmp, new, cur })
}

fn enter(parent: &OwnedFd, name: &str) -> Result<(OwnedFd, bool), Errno> {
    let open = || {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(parent.as_fd(), name, flags, Mode::empty())
    };
    match open() {
        Ok(folder) => Ok((folder, false)),
        Err(Errno::NOENT) => {
            make(parent, name)?;
            Ok((open()?, true))
        }
        Err(error) => Err(error),
    }
}

fn make(parent: &OwnedFd, name: impl rustix::path::Arg) -> Result<(), Errno> {
    match rustix::fs::mkdirat(parent.as_fd(), name, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// A folder name for any text, distinct for distinct texts: letters, digits, `-`, `_`, `+`, `=`,
/// inner and last dots stay; every other octet, and a dot in front, becomes `%` and two digits.
/// A local part of 64 octets gives at most 192, within what file systems take.
pub(crate) fn escape(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (index, octet) in text.bytes().enumerate() {
        let plain = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'+' | b'=');
        if plain || (octet == b'.' && index > 0) {
            name.push(octet.into());
        } else {
            // Writing to a String does not fail.
            let _ = write!(name, "%{octet:02x}");
        }
    }
    if name.is_empty() {
        name.push('%');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_names_another_folder() {
        let check = |text, expected| assert_eq!(escape(text), expected, "{text:?}");
        check("a.b-c_d+e=f", "a.b-c_d+e=f");
        check("..", "%2e.");
        check(".", "%2e");
        check("", "%");
        check("../../etc/passwd", "%2e.%2f..%2fetc%2fpasswd");
        check("a/b", "a%2fb");
        check("a%2fb", "a%252fb");
        check("%", "%25");
        check("a\0b\n", "a%00b%0a");
        check("josé", "jos%c3%a9");
        assert_eq!(escape(&"é".repeat(32)).len(), 192);
    }
}
