"""The network: layers, loss, optimizers. What is computed, in the field's own words."""
