//! The store on a real file, from outside.

mod directory;
mod site;
mod writing;
