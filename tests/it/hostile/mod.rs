//! What somebody can do who holds no key and controls every byte of the repository: a pull request
//! that means harm. Each file is a subject; what is taken without a word there is a hole.

mod ignored;
mod leaver;
mod links;
mod names;
mod stripped;
