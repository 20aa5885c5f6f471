//! A window, as the contract has it.
