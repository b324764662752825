"""Rules of MDS policies on the number of vehicles in a geography."""
