"""numnet beside the frameworks: equal work, then time. `make bench` writes docs/benchmark.md from nothing."""
