//! The process around the API: the executor of the database, the command line, the start. On real databases
//! and with the program itself.

mod cli;
mod executor;
mod faults;
mod process;
mod startup;
