"""Formulas: characters to tokens, tokens to the parts of a model."""
