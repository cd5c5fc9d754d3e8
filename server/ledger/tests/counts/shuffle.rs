//! Any order of arrival.
