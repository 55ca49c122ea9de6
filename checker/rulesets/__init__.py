"""Rules as the kernel has them, whatever tool printed them: read, asked, walked, explained."""
