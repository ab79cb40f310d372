"""A fit as one self-contained HTML page. The entry is `Fit.report`."""
