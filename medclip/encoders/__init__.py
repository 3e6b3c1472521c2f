"""Networks that turn prepared arrays and texts into vectors; named by dimension, never by organ."""
