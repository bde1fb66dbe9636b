"""Pages of HTML, each one file that opens anywhere: no address, no network; with its scripts off it lacks nothing."""
