mod company;
mod conversation;
mod crash;
mod desk;
mod fault;
mod replica;
mod restore;
pub(crate) mod world;
