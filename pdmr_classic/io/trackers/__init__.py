"""Programs that write video streams, one file each: how their columns are recognised, and what the columns hold."""
