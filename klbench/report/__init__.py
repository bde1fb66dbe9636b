"""Every output of a run: tables, CSV, JSON, Markdown and HTML, all from one list of columns (``columns``)."""
