# Predictions of glmmTMB with standard errors: Rscript predict_se.R > predict_se.json, in this folder.
suppressMessages(library(glmmTMB))
S <- read.csv("../data/Salamanders.csv")
S$mined <- factor(S$mined, levels = c("yes", "no"))
S$spp <- factor(S$spp, levels = c("GP", "PR", "DM", "EC-A", "EC-L", "DES-L", "DF"))
fit <- glmmTMB(count ~ spp + mined + (1 | site), S, family = nbinom2, ziformula = ~mined)
rows <- c(1, 40, 300)
numbers <- function(x) paste0("[", paste(formatC(x, digits = 15, format = "g"), collapse = ", "), "]")
entry <- function(name, p) sprintf('  "%s": {"fit": %s, "se": %s}', name, numbers(p$fit), numbers(p$se.fit))
types <- c("response", "link", "conditional", "zprob", "zlink")
entries <- sapply(types, function(t) entry(t, predict(fit, S[rows, ], type = t, se.fit = TRUE)))
population <- predict(fit, S[rows, ], type = "response", se.fit = TRUE, re.form = NA)
new <- S[rows, ]
new$site <- "new"
new_level <- predict(fit, new, type = "link", se.fit = TRUE, allow.new.levels = TRUE)
cat("{\n", sprintf('  "engine": "glmmTMB %s",\n  "rows": %s,\n', packageVersion("glmmTMB"), numbers(rows)),
    paste(c(entries, entry("population", population), entry("new_level", new_level)), collapse = ",\n"), "\n}\n", sep = "")
