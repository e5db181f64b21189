//! The store on a real file, from outside.

#[cfg(test)]
mod directory;
#[cfg(test)]
mod site;
#[cfg(test)]
mod writing;
