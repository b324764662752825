"""What the stages share: the contract between a fold and the runtime, and what folds keep their books with. Pure."""
