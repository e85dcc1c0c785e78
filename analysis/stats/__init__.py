"""Statistics: arrays and frames in, frames out; no files, no figures, no state."""

# Part of the key of every table kept on disk: raise it with any change of a number.
STATS_VERSION = 8
