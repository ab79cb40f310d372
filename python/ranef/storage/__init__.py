"""Saved fits from inside: the archive, the forms that its parts must have, and how these must agree."""
