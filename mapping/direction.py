"""The characters that turn the direction of writing, with which a text can look other than it reads.

https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
"""

TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""They, as they stand between the brackets of a regular expression."""
