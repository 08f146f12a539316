"""Make an Excel file with two sheets: PATH. Runs on the dev server's Python, with openpyxl."""

import sys

from openpyxl import Workbook

book = Workbook()
first = book.active
first.title = "first"
second = book.create_sheet("second")
for row in (("Age", "Name"), (40, "Anna"), (50, "Bert")):
    first.append(row)
for row in (("Weight",), (70,), (80,), (90,)):
    second.append(row)
book.save(sys.argv[1])
