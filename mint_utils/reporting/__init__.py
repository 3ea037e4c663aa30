"""What a run leaves to people: its pages, on screen and paper, checked and loaded again."""
