"""The journal's readers: whoever is told what terminals say."""
