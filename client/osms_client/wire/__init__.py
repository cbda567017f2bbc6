"""Between the types of this package and the messages of the contract. Not part of the door."""
