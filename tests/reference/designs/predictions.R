# Predictions of least-squares fits for rows that the fit has not seen: what R remembers of poly, bs, ns, scale,
# contrasts and factors. Run in this folder: Rscript predictions.R
library(splines)
set.seed(20)
old <- data.frame(x = round(runif(30, 1, 9), 3), f = rep(c("a", "b", "c"), 10), year = rep(2001:2005, 6))
old$y <- round(sin(old$x) + (old$f == "b") + rnorm(30) / 4, 4)
new <- data.frame(x = c(1.5, 3.25, 5, 8.5), f = c("c", "a", "b", "b"), year = c(2005, 2001, 2003, 2002))
beyond <- data.frame(x = c(0.2, 10.5), f = c("a", "c"), year = c(2001, 2002))
write.csv(old, "old.csv", row.names = FALSE)
write.csv(new, "new.csv", row.names = FALSE)
write.csv(beyond, "beyond.csv", row.names = FALSE)
inside <- c("x + I(x^2)", "poly(x, 3)", "poly(x, 2, raw = TRUE) * f", "bs(x, df = 5)", "ns(x, 3)", "ns(x, df = 4) + f",
            "ns(x, knots = c(3, 6)) + f:x", "splines::ns(x, 2)", "scale(x) * f", "scale(x, scale = FALSE) + f",
            "factor(year) + log(x)", "as.factor(year) + log(x, 2) + sqrt(x)", "f / x", "(f + x)^2 - f", "0 + f + x",
            "f %in% factor(year)", "exp(-x) + sin(2 * pi * x / 10)", "ns(x, 3, intercept = TRUE) - 1")
outside <- c("ns(x, 3)", "ns(x, 4) + f", "poly(x, 2)", "scale(x)", "ns(x, knots = 5)")
rows <- rbind(data.frame(formula = inside, data = "new"), data.frame(formula = outside, data = "beyond"))
predict_one <- function(formula, data) {
  fit <- lm(as.formula(paste("y ~", formula)), old)
  paste(format(suppressWarnings(predict(fit, get(data))), digits = 15, trim = TRUE), collapse = " ")
}
rows$prediction <- mapply(predict_one, rows$formula, rows$data)
rows$software <- paste(R.version$major, R.version$minor, sep = ".")
write.csv(rows, "predictions.csv", row.names = FALSE)
