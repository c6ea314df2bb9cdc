"""What wadjet costs beside other engines: `python -m bench` prints the tables."""
