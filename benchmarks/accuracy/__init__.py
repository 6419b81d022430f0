"""What numnet's recipes reach, how soon, and beside whom: `python -m benchmarks.accuracy` writes docs/accuracy.md."""
