"""What the purchaser decides of the proposal: which lines, how much of each, what waits; and the lines that follow."""
