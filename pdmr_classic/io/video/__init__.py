"""Streams: the video of one recording, from the file of any tracker."""
