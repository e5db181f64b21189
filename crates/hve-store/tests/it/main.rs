//! The store on a real file, from outside.

#[cfg(test)]
mod accepting;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod failed_sessions;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod last_use;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod queue_figures;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod settling;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod site;
#[cfg(test)]
mod usage;
