"""Simulated data sets and models, by kind: what robustness.py runs over."""
