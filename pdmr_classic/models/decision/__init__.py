"""From probabilities to a decision: threshold, prevalence, pooling."""
