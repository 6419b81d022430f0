"""The data room: from IDX files and pictures to the batches that a network eats."""
