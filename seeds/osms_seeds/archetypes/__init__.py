"""The kinds of lives that people are made up from, and how many of a thousand lead each.

An archetype is a function that tells one person's story: it adds what the sources will say, and
states the answers that follow. Its docstring is the story.
"""

from osms_seeds.archetypes.deck import DECK, Archetype, deal

__all__ = ["DECK", "Archetype", "deal"]
