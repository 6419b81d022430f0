"""numnet beside the frameworks: equal work, then time. `make bench` writes docs/benchmark.md from nothing."""

CALL = 143  # steps: a third of an epoch of 429, and what those who loop in compiled code take at a time
