"""Ask a language model, so that the same question is asked once and nothing of a patient is ever in it."""
