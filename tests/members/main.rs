//! Who may read and write: several nodes in one process, and the people whose they are.

mod closing;
mod invitations;
mod people;
mod removal;
mod roles;
mod verifying;
mod words;
