"""Agents by the thousand on one control plane: how soon all are linked, their cost, and how they return."""
