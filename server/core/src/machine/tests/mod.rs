mod conversation;
mod world;
