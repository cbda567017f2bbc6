"""The main job from end to end: people, their files, a gateway, every answer compared."""
