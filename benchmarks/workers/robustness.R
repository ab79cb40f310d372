# glmmTMB on the problems of one kind: log-likelihood, and whatever a user would be told is wrong.
suppressPackageStartupMessages({
  library(jsonlite)
  library(glmmTMB)
})
job <- fromJSON(commandArgs(trailingOnly = TRUE)[1], simplifyVector = FALSE)
optional <- function(text, otherwise) if (is.null(text)) otherwise else as.formula(text)
constructors <- list(
  gaussian = gaussian, binomial = binomial, poisson = poisson, nbinom1 = nbinom1, nbinom2 = nbinom2,
  gamma = Gamma, beta = beta_family, betabinomial = betabinomial, truncated_poisson = truncated_poisson,
  truncated_nbinom1 = truncated_nbinom1, truncated_nbinom2 = truncated_nbinom2
)

family_of <- function(call) {
  constructor <- constructors[[call$family]]
  if (is.null(constructor)) stop("unknown family ", call$family)
  if (is.null(call$link)) constructor() else do.call(constructor, list(link = call$link))
}

fit_one <- function(call) {
  data <- read.csv(file.path(job$folder, paste0(call$number, ".csv")))
  for (name in intersect(c("g", "h", "row", "id", "s", "f"), names(data))) data[[name]] <- factor(data[[name]])
  told <- character()
  fit <- tryCatch(
    withCallingHandlers(
      glmmTMB(as.formula(call$formula), data, family = family_of(call), ziformula = optional(call$ziformula, ~0),
              dispformula = optional(call$dispformula, ~1), REML = call$reml),
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

answers <- lapply(job$calls, fit_one)
cat("@@", toJSON(answers, auto_unbox = TRUE, digits = NA, null = "null"), "\n", sep = "")
