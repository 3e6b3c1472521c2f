"""From embeddings and prompts to scores of findings."""
