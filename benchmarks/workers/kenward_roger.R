# pbkrtest on one design: seconds of the adjusted covariance and of one F test, and both.
suppressPackageStartupMessages({
  library(jsonlite)
  library(lme4)
  library(pbkrtest)
})
job <- fromJSON(commandArgs(trailingOnly = TRUE)[1])
data <- read.csv(job$data)
for (name in job$factors) data[[name]] <- factor(data[[name]])
formula <- as.formula(job$formula)
large <- lmer(formula, data, REML = TRUE)
small <- lmer(update(formula, paste(". ~ . -", job$term)), data, REML = TRUE)
seconds <- system.time(test <- KRmodcomp(large, small))
adjusted <- vcovAdj(large)
cat(toJSON(list(
  seconds = unbox(sum(seconds[1:2])),
  trace = unbox(sum(diag(as.matrix(adjusted)))),
  statistic = unbox(test$stats$Fstat * 1), df_den = unbox(test$stats$ddf), scale = unbox(test$stats$F.scaling)
), digits = NA), "\n")
