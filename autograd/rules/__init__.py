"""What a row of the table is: its language, its readers, the numbers it computes with, and how it is printed."""
