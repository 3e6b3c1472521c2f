"""How reports mention findings: phrases for finding them in text, apart from the sentences that prompts are made of."""

__all__: list[str] = []
