# lme4 or glmmTMB on one case, fitted each time a line arrives on standard input; the protocol is worker.py's.
suppressPackageStartupMessages(library(jsonlite))
job <- fromJSON(commandArgs(trailingOnly = TRUE)[1])
suppressPackageStartupMessages(library(job$engine, character.only = TRUE))

memory <- function(key) {
  status <- "/proc/self/status"
  if (!file.exists(status)) return(NA_real_)
  line <- grep(paste0("^", key), readLines(status), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
reset_peak <- function() {
  clear <- "/proc/self/clear_refs"
  if (file.exists(clear)) try(cat("5", file = clear), silent = TRUE)
}
tell <- function(answer) {
  cat("@@", toJSON(answer, auto_unbox = TRUE, digits = NA, null = "null", na = "null"), "\n", sep = "")
  flush(stdout())
}

data <- read.csv(job$csv)
for (name in job$factors) data[[name]] <- factor(data[[name]])
formula <- as.formula(job$formula)

fit_lme4 <- function() {
  if (job$family == "gaussian") {
    fit <- lmer(formula, data, REML = FALSE)
  } else if (job$family == "nbinom2") {
    fit <- glmer.nb(formula, data)
  } else {
    fit <- glmer(formula, data, family = job$family)
  }
  list(loglik = as.numeric(logLik(fit)), evaluations = fit@optinfo$feval, converged = length(fit@optinfo$conv$lme4) == 0)
}

fit_glmmtmb <- function() {
  zi <- if (is.null(job$ziformula)) ~0 else as.formula(job$ziformula)
  fit <- glmmTMB(formula, data, family = job$family, ziformula = zi)
  list(loglik = as.numeric(logLik(fit)), evaluations = fit$fit$evaluations[["function"]],
       converged = fit$fit$convergence == 0)
}

fit_once <- if (job$engine == "lme4") fit_lme4 else fit_glmmtmb
tell(list(ready = TRUE))
# Fits of milliseconds are repeated for 0.03 s, as in worker.py.
fit_burst <- function(seconds) {
  count <- 0
  time <- system.time(
    {
      begun <- proc.time()
      repeat {
        answer <- suppressMessages(suppressWarnings(fit_once()))
        count <- count + 1
        if (sum((proc.time() - begun)[c("user.self", "sys.self")]) >= seconds) break
      }
    },
    gcFirst = FALSE
  )
  answer$cpu <- sum(time[c("user.self", "sys.self")]) / count
  answer$wall <- time[["elapsed"]] / count
  answer
}

burst <- 0
input <- file("stdin", "r")
while (length(readLines(input, n = 1)) > 0) {
  invisible(gc())
  reset_peak()
  before <- memory("VmRSS")
  answer <- fit_burst(burst)
  burst <- 0.03
  answer$peak_mib <- memory("VmHWM") - before
  tell(answer)
}
