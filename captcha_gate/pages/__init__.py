"""The HTML that the gate itself shows. Templates only; every value put into them is escaped where that is done."""
