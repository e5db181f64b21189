//! The files of the project, read once.

use std::{fs, path::Path};

/// One text file of the project.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn sample(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The text that ships: without test modules, and without files that are tests.
    pub(crate) fn shipped(&self) -> &str {
        if self.is_all_test() {
            return "";
        }
        self.test_module_at()
            .and_then(|at| self.text.get(..at))
            .unwrap_or(&self.text)
    }

    /// The text that only tests run.
    pub(crate) fn tested(&self) -> &str {
        if self.is_all_test() {
            return &self.text;
        }
        self.test_module_at()
            .and_then(|at| self.text.get(at..))
            .unwrap_or_default()
    }

    fn is_all_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// Test modules stand last in their file (style guide, rule 2).
    fn test_module_at(&self) -> Option<usize> {
        self.text.match_indices("#[cfg(test)]").find_map(|(at, _)| {
            let rest = self.text.get(at..)?;
            let mut lines = rest.lines().skip(1).map(str::trim_start);
            let item = lines.find(|line| !line.starts_with("#["))?;
            let inline = item.starts_with("mod ") && item.ends_with('{');
            inline.then_some(at)
        })
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every text file of the project, in the order of its paths.
pub(crate) fn project() -> Vec<Source> {
    let mut sources = Vec::new();
    walk(root(), &mut sources);
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 20, "the project was not found");
    sources
}

fn walk(folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        let skipped = ["target", ".git", "hve-demo", "node_modules"];
        if skipped.contains(&name.as_ref()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, sources);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root()).unwrap();
            sources.push(Source::sample(&relative.to_string_lossy(), &text));
        }
    }
}
