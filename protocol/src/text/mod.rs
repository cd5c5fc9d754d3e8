//! Every sentence of a code or a screen, from the Fluent files beside this module.
