"""Layouts of data sets: where the files of each recording are. One module per layout; `discover` chooses one."""
