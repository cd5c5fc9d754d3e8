//! The pages over tables in memory that the ledger itself has filled.

mod assets;
mod cause;
mod counts;
mod devices;
mod house;
mod html;
mod on_the_way;
mod pages;
mod plates;
mod provenance;
mod scope;
mod workbench;

pub(crate) use house::context;
