"""The report, assembled from the samples alone: pages, plots, the README's summary."""
