//! Delivery: what the profiles of the rules gather for `.env` files and processes.

pub mod check;
pub mod deliver;
mod dual;
pub mod example;
mod expiry;
pub mod place;
pub mod profile;
pub mod render;
pub mod rendered;
pub mod sync;
