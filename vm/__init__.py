"""The machines: where they come from, how they are reached, what runs on them. Start with vm/README.md."""
