"""What the process does from which workers are forked; see ``tests.workers``."""

from tests.workers import preload

preload()
