"""Whether a model describes its data: simulated and quantile residuals, their tests and plots, and `Fit.check`."""
