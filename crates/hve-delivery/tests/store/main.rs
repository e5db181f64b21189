//! The engine on the real store: accepted, delivered, settled, and again after a restart.

#[cfg(test)]
mod groups;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod site;
