"""What the Train page shows and keeps, without a screen: plans, drafts, words, curves, files."""
