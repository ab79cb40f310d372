# glmmTMB on the data sets of one model kind: log-likelihood, and whatever a user would be told is wrong.
suppressPackageStartupMessages({
  library(jsonlite)
  library(glmmTMB)
})
job <- fromJSON(commandArgs(trailingOnly = TRUE)[1])
optional <- function(text, otherwise) if (is.null(text)) otherwise else as.formula(text)
family <- switch(job$family,
  gaussian = gaussian(), binomial = binomial(), poisson = poisson(), nbinom2 = nbinom2(),
  gamma = Gamma(link = "log"), beta = beta_family(),
  stop("unknown family ", job$family)
)

fit_one <- function(number) {
  data <- read.csv(file.path(job$folder, paste0(number, ".csv")))
  for (name in intersect(c("g", "h", "row"), names(data))) data[[name]] <- factor(data[[name]])
  told <- character()
  fit <- tryCatch(
    withCallingHandlers(
      glmmTMB(as.formula(job$formula), data, family = family, ziformula = optional(job$ziformula, ~0),
              dispformula = optional(job$dispformula, ~1)),
      warning = function(w) {
        told <<- c(told, conditionMessage(w))
        invokeRestart("muffleWarning")
      }
    ),
    error = function(e) {
      told <<- c(told, conditionMessage(e))
      NULL
    }
  )
  if (is.null(fit)) return(list(loglik = NULL, trouble = paste(told, collapse = "; ")))
  value <- -fit$fit$objective
  list(loglik = if (is.finite(value)) value else NULL, trouble = paste(told, collapse = "; "))
}

answers <- lapply(job$numbers, fit_one)
cat("@@", toJSON(answers, auto_unbox = TRUE, digits = NA, null = "null"), "\n", sep = "")
