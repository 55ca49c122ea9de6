"""What an ``image`` names: programs that a pod's process runs, each ``main(argv) -> int``."""
