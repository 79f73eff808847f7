//! Delivery: what the profiles of the rules gather for `.env` files and processes.

pub mod deliver;
mod expiry;
pub mod profile;
