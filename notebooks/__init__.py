"""Notebooks that read the published warehouse by SQL; `omnium-elt dashboard` serves them all.

marimo edit notebooks/supplier_lead_times.py     to change it, in the browser
OMNIUM_HOME=…                                    where the warehouse lies (default: omnium-data)
"""
