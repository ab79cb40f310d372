"""Designs: a table and a parsed formula to the matrices that the core computes with."""
