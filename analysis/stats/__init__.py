"""Statistics: arrays and frames in, frames out; no files, no figures, no state."""
