//! Maildirs as the tests look at them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::wait::until;

/// One delivered message.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its file.
    pub path: PathBuf,
    /// Its octets.
    pub content: Vec<u8>,
}

impl Mail {
    /// The content as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The value of the first header field `name`, unfolded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        unfolded.split("\r\n").find_map(|line| {
            let (field, value) = line.split_once(':')?;
            let same = field.eq_ignore_ascii_case(name);
            same.then(|| value.trim().to_owned())
        })
    }

    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> String {
        let text = self.text();
        text.split_once("\r\n\r\n")
            .map_or_else(String::new, |(_, body)| body.to_owned())
    }
}

/// What lies in the Maildir of `address` under `root` now, in the order of the file names.
///
/// # Panics
/// If a file that is there cannot be read.
#[must_use]
pub fn mails(root: &Path, address: &str) -> Vec<Mail> {
    let (local, domain) = address.split_once('@').expect("an address");
    let folder = root.join(domain).join(local);
    let mut mails = Vec::new();
    for state in ["new", "cur"] {
        let entries = fs::read_dir(folder.join(state)).into_iter().flatten();
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            let content = fs::read(&path).unwrap();
            mails.push(Mail { path, content });
        }
    }
    mails.sort_by(|a, b| a.path.cmp(&b.path));
    mails
}

/// Waits until at least `count` messages lie there.
///
/// # Panics
/// If they do not come.
#[must_use]
pub fn waiting_mails(root: &Path, address: &str, count: usize) -> Vec<Mail> {
    until(&format!("{count} messages for {address}"), || {
        let mails = mails(root, address);
        (mails.len() >= count).then_some(mails)
    })
}
