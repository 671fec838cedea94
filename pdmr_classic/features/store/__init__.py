"""Feature stores: a folder of partitioned Parquet, written as recordings arrive, with a manifest."""
