"""A simulator judged and corrected: from its name and a file to a proof and a folder."""
