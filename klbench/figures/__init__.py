"""Pictures of results: what is drawn is a value, which matplotlib, a terminal or a page then draws."""
