"""How an item reads in a tracker."""
