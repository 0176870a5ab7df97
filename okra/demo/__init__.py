"""The demonstration: the main job against a double of AWS, with traffic that really flows."""
