"""HTTP for people and machines that watch: health, metrics, debug pages. It changes nothing."""
