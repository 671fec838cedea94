"""From sound to audio vectors: log-Mel frames, a codebook of their centres, NetVLAD encoding."""
