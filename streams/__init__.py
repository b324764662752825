"""The pipeline: gateway -> fleet -> grid -> incidents -> store. One folder per step of the road."""
