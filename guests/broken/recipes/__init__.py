"""The recipes, by family; importing this package declares them all."""

from guests.broken.recipes import boot, debian, healthy, kernel, loader, loops, windows

__all__ = ["boot", "debian", "healthy", "kernel", "loader", "loops", "windows"]
