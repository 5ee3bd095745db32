"""The purchaser's decisions on the proposal (what to order, how much, what to put off), and the resulting lines."""
