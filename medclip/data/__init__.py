"""Data sets on their way into training: cards, downloads, splits, packed stores."""
